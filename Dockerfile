# Builds /healthcheck from source and leaves it alone in an image.
#
#   docker build .                            everything
#   docker build --target plain .             without TLS
#   docker build --target loopback-only .     talks to loopback addresses and Unix sockets only
#   docker build --target plain-loopback .    both: the least that an intruder can use
#
# The legacy builder knows neither the build's platform nor the target's: it gets amd64.
ARG BUILDPLATFORM=${BUILDPLATFORM:-linux/amd64}

# Always runs on the building machine's own architecture; another one is cross-compiled, not emulated.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS tools
ARG TARGETARCH
WORKDIR /healthcheck
# The toolchain's parts, all downloads and everything that is not ours, std included: layers that last until a dependency
# changes. Cargo goes by dates, and ours are older than the empty program's: so nothing of that may stay.
COPY Cargo.toml Cargo.lock build.rs ./
COPY alloc alloc
COPY ring ring
COPY scripts/build-small scripts/
RUN mkdir src && echo 'fn main() {}' >src/main.rs && touch src/lib.rs && scripts/build-small --fetch "${TARGETARCH:-amd64}"
RUN scripts/build-small --out /tmp/empty "${TARGETARCH:-amd64}" \
    && find target/small/ -path '*healthcheck*' -delete && rm -r src /tmp/empty
COPY src src

# One stage for each flavour: only what is asked for is built. The dates are fixed so that equal files make equal layers.
FROM tools AS build-plain
RUN scripts/build-small --out /out/healthcheck "${TARGETARCH:-amd64}" plain && touch -d @0 /out/healthcheck

FROM tools AS build-loopback-only
RUN scripts/build-small --out /out/healthcheck "${TARGETARCH:-amd64}" loopback && touch -d @0 /out/healthcheck

FROM tools AS build-plain-loopback
RUN scripts/build-small --out /out/healthcheck "${TARGETARCH:-amd64}" plain-loopback && touch -d @0 /out/healthcheck

FROM tools AS build-default
RUN scripts/build-small --out /out/healthcheck "${TARGETARCH:-amd64}" default && touch -d @0 /out/healthcheck

FROM scratch AS image
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="healthcheck" \
      org.opencontainers.image.description="Is this container healthy? One tiny static executable answers with its exit code" \
      org.opencontainers.image.url="https://github.com/x/healthcheck" \
      org.opencontainers.image.documentation="https://github.com/x/healthcheck/blob/main/README.md" \
      org.opencontainers.image.source="https://github.com/x/healthcheck" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENTRYPOINT ["/healthcheck"]

FROM image AS plain
COPY --from=build-plain /out/healthcheck /healthcheck

FROM image AS loopback-only
COPY --from=build-loopback-only /out/healthcheck /healthcheck

FROM image AS plain-loopback
COPY --from=build-plain-loopback /out/healthcheck /healthcheck

FROM image AS default
COPY --from=build-default /out/healthcheck /healthcheck
