// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that whoever depends on Sluice never resolves it.
let package = Package(
    name: "sluice-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "sluice", path: "..")
    ],
    targets: [
        .executableTarget(
            name: "sluice-benchmarks",
            dependencies: [
                .product(name: "Sluice", package: "sluice"),
                .product(name: "SluicePrometheus", package: "sluice"),
            ],
            path: "Sources/SluiceBenchmarks",
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
