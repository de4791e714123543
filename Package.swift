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

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

// Who may import whom is explained in Sources/ARCHITECTURE.md and checked by TidyTests.
let package = Package(
    name: "moed",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CMoedKernels", exclude: ["body"]),
        .target(name: "CReadRing"),
        .target(name: "MoedCore", swiftSettings: swift),
        .target(name: "MoedPostgres", dependencies: ["CLibPQ"], swiftSettings: swift),
        .target(
            name: "MoedQueue", dependencies: ["MoedCore", "MoedPostgres"],
            exclude: ["sql/schema", "sql/example_enqueue.sql"],
            resources: [.embedInCode("sql"), .embedInCode("Statements")], swiftSettings: swift),
        .target(name: "MoedText", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(name: "MoedWeights", dependencies: ["MoedCore", "CReadRing"], swiftSettings: swift),
        .target(name: "MoedEngine", dependencies: ["MoedCore", "MoedWeights", "CMoedKernels"], swiftSettings: swift),
        .target(name: "MoedBatching", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(name: "MoedSystemd", dependencies: ["CSystemd", logging], swiftSettings: swift),
        .target(name: "MoedObservability", swiftSettings: swift),
        .target(
            name: "MoedDaemon",
            dependencies: [
                "MoedCore", "MoedQueue", "MoedPostgres", "MoedText", "MoedWeights", "MoedEngine", "MoedBatching",
                "MoedObservability", "MoedSystemd", "Yams", lifecycle, signals, logging,
            ], swiftSettings: swift),
        .executableTarget(
            name: "moed",
            dependencies: ["MoedDaemon", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: swift),

        .target(
            name: "TestSupport", dependencies: ["MoedCore", "MoedPostgres"], path: "Tests/TestSupport",
            swiftSettings: swift),
        .testTarget(name: "MoedCoreTests", dependencies: ["MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(name: "MoedPostgresTests", dependencies: ["MoedPostgres", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedQueueTests", dependencies: ["MoedQueue", "MoedCore", "MoedPostgres", "TestSupport"],
            swiftSettings: swift),
        .testTarget(name: "MoedTextTests", dependencies: ["MoedText", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedWeightsTests", dependencies: ["MoedWeights", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedEngineTests",
            dependencies: [
                "MoedEngine", "MoedBatching", "MoedWeights", "MoedCore", "CMoedKernels", "COpenBLAS", "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MoedBatchingTests", dependencies: ["MoedBatching", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(name: "MoedSystemdTests", dependencies: ["MoedSystemd", logging], swiftSettings: swift),
        .testTarget(
            name: "MoedObservabilityTests", dependencies: ["MoedObservability", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedDaemonTests",
            dependencies: [
                "MoedDaemon", "MoedCore", "MoedText", "MoedBatching", "MoedEngine", "MoedQueue", "MoedPostgres",
                "MoedWeights", "MoedObservability", "TestSupport", logging,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "EndToEndTests", dependencies: ["MoedCore", "MoedPostgres", "TestSupport", "moed"],
            swiftSettings: swift),
        .testTarget(name: "SystemdTests", dependencies: ["TestSupport", "moed"], swiftSettings: swift),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: swift),
    ]
)
