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
    dependencies: [],
    targets: [
        .target(name: "MoedCore", swiftSettings: swift),
        .target(name: "MoedBatching", dependencies: ["MoedCore"], swiftSettings: swift),

        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "MoedPostgres", dependencies: ["CLibPQ"], swiftSettings: swift),
        .target(
            name: "MoedQueue", dependencies: ["MoedCore", "MoedPostgres"], resources: [.embedInCode("sql")],
            swiftSettings: swift),

        .target(name: "TestSupport", dependencies: ["MoedCore", "MoedPostgres"], path: "Tests/TestSupport", swiftSettings: swift),
        .testTarget(name: "MoedCoreTests", dependencies: ["MoedCore"], swiftSettings: swift),
        .testTarget(
            name: "MoedBatchingTests", dependencies: ["MoedBatching", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedPostgresTests", dependencies: ["MoedPostgres", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedQueueTests", dependencies: ["MoedCore", "MoedPostgres", "MoedQueue", "TestSupport"],
            swiftSettings: swift),
        .testTarget(name: "TidyTests", swiftSettings: swift),
    ]
)
