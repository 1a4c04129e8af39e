FROM rust:1.95.0-slim-bookworm AS build
# jemalloc is built with make.
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin herald && cp target/release/herald /usr/local/bin/herald

FROM debian:bookworm-slim
# tzdata: quiet hours are reckoned in people's own time zones. ca-certificates: providers speak TLS.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin herald
COPY --from=build /usr/local/bin/herald /usr/local/bin/herald
COPY config /etc/herald/config
WORKDIR /etc/herald
# By number: Kubernetes must see that it is not root.
USER 10001:10001
ENV HERALD__HTTP__BIND=0.0.0.0:8080
EXPOSE 8080
# The shell opens the connection itself, so that the image needs no HTTP client.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["herald"]
CMD ["serve"]
