// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that packages that depend on Sluice never resolve it.
let package = Package(
    name: "sluice-benchmarks",
    dependencies: [
        .package(name: "sluice", path: ".."),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.86.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.16.0", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "sluice-benchmarks",
            dependencies: [
                .product(name: "Sluice", package: "sluice"),
                .product(name: "SluiceAMQP", package: "sluice"),
                .product(name: "SluiceGateway", package: "sluice"),
                .product(name: "SluiceHTTP", package: "sluice"),
                .product(name: "SluiceKafka", package: "sluice"),
                .product(name: "SluicePrometheus", package: "sluice"),
                .product(name: "SluiceSQLite", package: "sluice"),
                .product(name: "SluiceTestBrokers", package: "sluice"),
                .product(name: "SluiceTesting", package: "sluice"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Sources/SluiceBenchmarks",
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ],
            // As the program is linked.
            linkerSettings: [.linkedLibrary("mimalloc", .when(platforms: [.linux]))])
    ],
    swiftLanguageModes: [.v6]
)
