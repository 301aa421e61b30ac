// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The facades of the Swift server ecosystem: all that the core may import.
let facades: [Target.Dependency] = [
    .product(name: "Logging", package: "swift-log"),
    .product(name: "CoreMetrics", package: "swift-metrics"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "Tracing", package: "swift-distributed-tracing"),
]

/// A tracer that keeps its spans, for tests.
let inMemoryTracing = Target.Dependency.product(name: "InMemoryTracing", package: "swift-distributed-tracing")

/// A message is made on one thread and freed on another, which glibc's allocator answers with a lock that both contend
/// for. Only programs choose an allocator, never a library.
let allocator = LinkerSetting.linkedLibrary("mimalloc", .when(platforms: [.linux]))

let package = Package(
    name: "sluice",
    products: [
        .library(name: "Sluice", targets: ["Sluice"]),
        .library(name: "SluiceSQLite", targets: ["SluiceSQLite"]),
        .library(name: "SluiceKafka", targets: ["SluiceKafka"]),
        .library(name: "SluiceAMQP", targets: ["SluiceAMQP"]),
        .library(name: "SluiceHTTP", targets: ["SluiceHTTP"]),
        .library(name: "SluiceMetrics", targets: ["SluiceMetrics"]),
        .library(name: "SluicePrometheus", targets: ["SluicePrometheus"]),
        .library(name: "SluiceJSON", targets: ["SluiceJSON"]),
        .library(name: "SluiceTesting", targets: ["SluiceTesting"]),
        .library(name: "SluiceTestBrokers", targets: ["SluiceTestBrokers"]),
        .library(name: "SluiceGateway", targets: ["SluiceGateway"]),
        .executable(name: "sluice", targets: ["SluiceCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.2.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.86.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.16.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CRDKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // Dashboards and rules, inside the program: C's #embed reads them when it is compiled.
        .target(name: "CBundle"),

        .target(
            name: "Sluice",
            dependencies: facades + [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluicePrometheus",
            dependencies: ["CZlib", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),
        // Where the core's metrics and Prometheus meet.
        .target(
            name: "SluiceMetrics",
            dependencies: [
                "Sluice", "SluicePrometheus",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluiceSQLite",
            dependencies: facades + [
                "Sluice",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluiceKafka",
            dependencies: facades + [
                "Sluice", "CRDKafka", .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluiceAMQP",
            dependencies: facades + [
                "Sluice", "COpenSSL", "CRabbitMQ", .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluiceHTTP",
            dependencies: facades + [
                "Sluice", "CCurl", "CZlib",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "SluiceTesting",
            dependencies: [
                "Sluice", "SluiceMetrics", "SluicePrometheus", .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"), inMemoryTracing,
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        // Values as the JSON of messages: apart from the core, which needs no Foundation.
        .target(name: "SluiceJSON", dependencies: ["Sluice"], swiftSettings: strict),
        // Brokers that tests and benchmarks start for themselves.
        .target(name: "SluiceTestBrokers", dependencies: ["CRDKafka"], swiftSettings: strict),
        .target(
            name: "SluiceGateway",
            dependencies: facades + [
                "Sluice", "SluiceSQLite", "SluiceKafka", "SluiceAMQP", "SluiceHTTP", "SluiceMetrics",
                "SluicePrometheus",
                "CBundle",
                "COpenSSL",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "SluiceCLI",
            dependencies: [
                "Sluice", "SluiceGateway", "SluiceMetrics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict,
            linkerSettings: [allocator]),

        // The whole gateway between fake sinks: what the test targets that run it share.
        .target(
            name: "GatewayTestSupport",
            dependencies: facades + [
                "Sluice", "SluiceGateway", "SluiceKafka", "SluiceHTTP", "SluiceMetrics", "SluicePrometheus",
                "SluiceTestBrokers", "SluiceTesting", .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Tests/GatewayTestSupport",
            swiftSettings: strict),
        .testTarget(
            name: "SluiceTests",
            dependencies: facades + [
                "Sluice", "SluiceJSON", "SluiceMetrics", "SluicePrometheus", "SluiceTesting",
                inMemoryTracing,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SluicePrometheusTests",
            dependencies: [
                "SluicePrometheus", "SluiceTesting", "CZlib", .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceSQLiteTests",
            dependencies: facades + ["Sluice", "SluiceSQLite", "SluiceTesting", inMemoryTracing],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceKafkaTests",
            dependencies: facades + [
                "Sluice", "SluiceKafka", "SluiceMetrics", "SluicePrometheus", "SluiceTestBrokers", "SluiceTesting",
                inMemoryTracing,
                "CRDKafka",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceAMQPTests",
            dependencies: facades + [
                "Sluice", "SluiceAMQP", "SluiceMetrics", "SluicePrometheus", "SluiceTestBrokers", "SluiceTesting",
                inMemoryTracing,
                "CRabbitMQ",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceHTTPTests",
            dependencies: facades + [
                "Sluice", "SluiceHTTP", "SluiceMetrics", "SluiceTesting", inMemoryTracing, "CZlib",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceGatewayTests",
            dependencies: facades + [
                "Sluice", "SluiceAMQP", "SluiceGateway", "SluiceHTTP", "SluiceKafka", "SluiceMetrics",
                "SluicePrometheus",
                "SluiceSQLite", "SluiceTestBrokers",
                "SluiceTesting", inMemoryTracing, "GatewayTestSupport",
                // The tests of the whole start the program itself.
                "SluiceCLI",
            ],
            swiftSettings: strict),

        // What the tests of dashboards and rules read: Grafana's JSON, PromQL, and the names that exist.
        .target(
            name: "DashboardModel", dependencies: ["Sluice", "SluiceGateway"], path: "Tests/DashboardModel",
            swiftSettings: strict),
        // What is shipped beside the program: Prometheus's rules and their runbook, and everything live.
        .testTarget(
            name: "BundleTests",
            dependencies: facades + [
                "DashboardModel", "GatewayTestSupport", "Sluice", "SluiceAMQP", "SluiceGateway", "SluiceMetrics",
                "SluicePrometheus",
                "SluiceTestBrokers",
                "SluiceTesting",
                // The runbook's commands are the program's.
                "SluiceCLI",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DashboardTests",
            dependencies: ["DashboardModel", "Sluice", "SluiceAMQP", "SluiceGateway", "SluiceKafka"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)

// Only `make docc` needs the plugin. A package that depends on this one does not fetch it.
if Context.environment["SLUICE_DOCC"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"))
}
