# The program in a small image: `docker build -t sluice:local .`
# The compiler is the one that the tests run with; the libraries are those of the same Debian.
FROM swift:6.3.1-bookworm AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libcurl4-openssl-dev libmimalloc-dev librabbitmq-dev librdkafka-dev libsqlite3-dev libssl-dev zlib1g-dev \
        pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What rarely changes first: the dependencies are fetched again only when the manifest changes. Who keeps a
# Package.resolved builds with its versions.
COPY Package.swift Package.resolve[d] ./
RUN swift package resolve
COPY . .
RUN swift build -c release --static-swift-stdlib --product sluice \
    && install -D .build/release/sluice /out/sluice \
    && strip /out/sluice

FROM debian:12.12-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libmimalloc2.0 librabbitmq4 librdkafka1 libsqlite3-0 libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sluice \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sluice --shell /usr/sbin/nologin sluice \
    && install -d -o sluice -g sluice -m 0700 /var/lib/sluice
COPY --from=build /out/sluice /usr/local/bin/sluice
# Beyond loopback, so that the container can be reached; the program then wants secrets, or SLUICE_ALLOW_UNSIGNED=true.
ENV BIND_ADDR=:8080 METRICS_BIND_ADDR=:8081 SLUICE_DATA=/var/lib/sluice
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /var/lib/sluice
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["sluice", "health"]
ENTRYPOINT ["sluice"]
CMD ["run"]
