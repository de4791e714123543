// swift-tools-version: 6.3
import PackageDescription

/// Every Swift target is compiled alike: warnings stop the build, pointer use must be marked `unsafe`.
let swift: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "moed",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2")
    ],
    targets: [
        .target(name: "MoedCore", swiftSettings: swift),
        .target(name: "MoedBatching", dependencies: ["MoedCore"], swiftSettings: swift),
        .testTarget(
            name: "MoedBatchingTests", dependencies: ["MoedBatching", "MoedCore", "TestSupport"], swiftSettings: swift),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(
            name: "MoedSystemd",
            dependencies: ["CSystemd", .product(name: "Logging", package: "swift-log")],
            swiftSettings: swift),

        .target(name: "TestSupport", dependencies: ["MoedCore"], path: "Tests/TestSupport", swiftSettings: swift),
        .testTarget(name: "MoedCoreTests", dependencies: ["MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedSystemdTests",
            dependencies: ["MoedSystemd", .product(name: "Logging", package: "swift-log")],
            swiftSettings: swift),
        .testTarget(name: "SystemdTests", dependencies: ["TestSupport"], swiftSettings: swift),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: swift),
    ]
)
