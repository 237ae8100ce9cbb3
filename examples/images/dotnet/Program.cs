// A service that says how it is: GET /healthz, on the ports that the Dockerfile names.
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

static class Program
{
    static void Main(string[] args) =>
        Host.CreateDefaultBuilder(args).ConfigureWebHostDefaults(web => web.Configure(app =>
        {
            app.UseRouting();
            app.UseEndpoints(routes => routes.MapGet("/healthz", context => context.Response.WriteAsync("ok")));
        })).Build().Run();
}
