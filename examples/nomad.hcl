# The executable is in the image; a script check runs it inside the task.
job "shop" {
  group "web" {
    network {
      port "http" { to = 8080 }
    }

    task "web" {
      driver = "docker"

      config {
        image = "registry.example.org/shop/web:1"
        ports = ["http"]
      }

      service {
        name     = "web"
        port     = "http"
        provider = "consul"

        check {
          # Consul reads 1 as a warning and keeps the instance in its DNS, 2 as critical.
          type     = "script"
          command  = "/healthcheck"
          args     = ["--fail-code", "2", "-t", "2s", "http://localhost:8080/healthz", "file:///tmp/heartbeat", "--max-age", "1m"]
          interval = "10s"
          timeout  = "3s"

          check_restart {
            limit = 3
            grace = "30s"
          }
        }
      }
    }
  }
}
