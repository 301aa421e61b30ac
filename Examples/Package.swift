// swift-tools-version: 6.2
import PackageDescription

// What a program that uses Sluice looks like. A package of its own, as a user's: it sees what is public and nothing else.
let package = Package(
    name: "sluice-examples",
    dependencies: [
        // Elsewhere: .package(url: "https://…/sluice", from: "…")
        .package(name: "sluice", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
    ],
    targets: [
        // A service: a handler, a middleware of its own, and the program that runs them.
        .target(
            name: "Orders",
            dependencies: [
                .product(name: "Sluice", package: "sluice"),
                .product(name: "SluiceJSON", package: "sluice"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "orders",
            dependencies: [
                "Orders",
                .product(name: "Sluice", package: "sluice"),
                .product(name: "SluiceHTTP", package: "sluice"),
                .product(name: "SluiceMetrics", package: "sluice"),
                .product(name: "SluiceSQLite", package: "sluice"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/OrdersService"),
        .testTarget(
            name: "OrdersTests",
            dependencies: ["Orders", .product(name: "SluiceTesting", package: "sluice")]),

        // A Pub/Sub: an adapter to a broker of one's own.
        .target(name: "FilePubSub", dependencies: [.product(name: "Sluice", package: "sluice")]),
        .testTarget(
            name: "FilePubSubTests",
            dependencies: ["FilePubSub", .product(name: "SluiceTesting", package: "sluice")]),

        // The gateway with a source and a sink more.
        .executableTarget(
            name: "GatewayPlus",
            dependencies: [
                .product(name: "Sluice", package: "sluice"),
                .product(name: "SluiceGateway", package: "sluice"),
                .product(name: "SluiceHTTP", package: "sluice"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
