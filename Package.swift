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

/// C code checks the sizes of its copies where the compiler optimises. The Makefile adds what only a command line can.
let c: [CSetting] = [.define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release))]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// The libraries below take half of the time of a first build. `make demo` leaves them out with the trait.
let withHTTP = TargetDependencyCondition.when(traits: ["HTTP"])
let httpClient: [Target.Dependency] = [
    .product(name: "AsyncHTTPClient", package: "async-http-client", condition: withHTTP),
    .product(name: "NIOCore", package: "swift-nio", condition: withHTTP),
    .product(name: "NIOPosix", package: "swift-nio", condition: withHTTP),
    .product(name: "NIOHTTP1", package: "swift-nio", condition: withHTTP),
    .product(name: "NIOSSL", package: "swift-nio-ssl", condition: withHTTP),
]
/// The core of Hummingbird alone: its router, its middleware and what they pull in are not built.
let httpServer: [Target.Dependency] = [
    .product(name: "HummingbirdCore", package: "hummingbird", condition: withHTTP),
    .product(name: "HTTPTypes", package: "swift-http-types", condition: withHTTP),
    .product(name: "NIOCore", package: "swift-nio", condition: withHTTP),
    .product(name: "NIOPosix", package: "swift-nio", condition: withHTTP),
]
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

// Who may import whom is explained in Sources/ARCHITECTURE.md and checked by TidyTests.
let package = Package(
    name: "moed",
    traits: [
        .trait(name: "HTTP", description: "Endpoints (engines elsewhere) and moed serve."),
        .default(enabledTraits: ["HTTP"]),
    ],
    // Versions and checksums of all packages, also of indirect ones: .ci/packages.txt.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CMoedKernels", exclude: ["body"], cSettings: c),
        .target(name: "CReadRing", cSettings: c),
        .target(name: "CMoedSQL", cSettings: c),
        .target(name: "MoedCore", swiftSettings: swift),
        .target(name: "MoedHost", swiftSettings: swift),
        .target(name: "MoedPostgres", dependencies: ["CLibPQ", "MoedHost"], swiftSettings: swift),
        .target(
            name: "MoedQueue", dependencies: ["CMoedSQL", "MoedCore", "MoedPostgres"],
            resources: [.embedInCode("Statements")], swiftSettings: swift),
        .target(name: "MoedText", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(name: "MoedAutomata", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(name: "MoedPolicy", dependencies: ["MoedCore", "MoedAutomata"], swiftSettings: swift),
        .target(name: "MoedGrammar", dependencies: ["MoedCore", "MoedAutomata"], swiftSettings: swift),
        .target(name: "MoedLattice", swiftSettings: swift),
        .target(name: "MoedWeights", dependencies: ["MoedCore", "MoedLattice"], swiftSettings: swift),
        .target(name: "MoedPacks", dependencies: ["MoedCore", "MoedWeights"], swiftSettings: swift),
        .target(name: "MoedAdapters", dependencies: ["MoedCore", "MoedWeights"], swiftSettings: swift),
        .target(name: "MoedCaching", dependencies: ["MoedPacks", "MoedWeights"], swiftSettings: swift),
        .target(
            name: "MoedReading",
            dependencies: ["MoedCore", "MoedHost", "MoedPacks", "MoedWeights", "MoedCaching", "CReadRing"],
            swiftSettings: swift),
        .target(name: "MoedSampling", dependencies: ["MoedCore", "CMoedKernels"], swiftSettings: swift),
        .target(
            name: "MoedEngine",
            dependencies: [
                "MoedCore", "MoedHost", "MoedPacks", "MoedWeights", "MoedSampling", "MoedCaching", "CMoedKernels", "MoedAdapters",
                "MoedReading",
            ],
            swiftSettings: swift),
        .target(name: "MoedBatching", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(name: "MoedSystemd", dependencies: ["CSystemd", logging], swiftSettings: swift),
        .target(name: "MoedFront", dependencies: ["MoedHost"], swiftSettings: swift),
        .target(
            name: "MoedPreparation",
            dependencies: [
                "MoedCore", "MoedHost", "MoedText", "MoedAutomata", "MoedGrammar", "MoedWeights", "MoedBatching",
                "MoedPolicy",
            ],
            swiftSettings: swift),
        .target(
            name: "MoedLocal",
            dependencies: [
                "MoedCore", "MoedHost", "MoedText", "MoedPacks", "MoedWeights", "MoedCaching", "MoedReading", "MoedEngine", "MoedAdapters",
                "MoedBatching", "MoedPreparation",
            ],
            swiftSettings: swift),
        .target(
            name: "MoedRemote", dependencies: ["MoedCore", "MoedHost", "MoedBatching", "MoedPreparation"],
            swiftSettings: swift),
        .target(
            name: "MoedRemoteHTTP", dependencies: ["MoedHost", "MoedRemote"] + httpClient,
            swiftSettings: swift),
        .target(
            name: "MoedSettings", dependencies: ["MoedCore", "MoedHost", "MoedSystemd", "Yams"], swiftSettings: swift),
        .target(
            name: "MoedWorker",
            dependencies: ["MoedCore", "MoedHost", "MoedPolicy", "MoedQueue", "MoedSystemd", lifecycle, logging],
            swiftSettings: swift),
        .target(
            name: "MoedOpenAI", dependencies: ["MoedCore"], resources: [.embedInCode("openapi.json")],
            swiftSettings: swift),
        .target(name: "MoedPage", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(
            name: "MoedClient", dependencies: ["MoedCore", "MoedPostgres", "MoedOpenAI"], swiftSettings: swift),
        .target(
            name: "MoedGateway",
            dependencies: [
                "MoedCore", "MoedHost", "MoedPostgres", "MoedOpenAI", "MoedClient", "MoedPage", "MoedFront", "MoedSettings", "MoedSystemd",
                lifecycle, signals, logging,
            ] + httpServer, swiftSettings: swift),
        .target(
            name: "MoedCommands", dependencies: ["MoedCore", "MoedHost", "MoedPostgres", "MoedOpenAI", "MoedClient"],
            swiftSettings: swift),
        .target(
            name: "MoedEndpoints",
            dependencies: [
                "MoedCore", "MoedHost", "MoedText", "MoedPreparation", "MoedRemote", "MoedRemoteHTTP", "MoedFront", "MoedSettings",
            ], swiftSettings: swift),
        .target(
            name: "MoedModeration", dependencies: ["MoedCore", "MoedRemote", "MoedRemoteHTTP", "MoedSettings"],
            swiftSettings: swift),
        .target(
            name: "MoedDaemon",
            dependencies: [
                "MoedCore", "MoedHost", "MoedQueue", "MoedText", "MoedPacks", "MoedWeights", "MoedCaching", "MoedReading", "MoedEngine",
                "MoedBatching", "MoedPreparation", "MoedLocal", "MoedRemote", "MoedRemoteHTTP", "MoedEndpoints", "MoedModeration", "MoedWorker", "MoedFront", "MoedSettings",
                "MoedSystemd", lifecycle, signals, logging,
            ], swiftSettings: swift),
        .target(
            name: "MoedTools",
            dependencies: [
                "MoedCore", "MoedHost", "MoedQueue", "MoedPostgres", "MoedText", "MoedPacks", "MoedWeights", "MoedAdapters",
                "MoedCaching", "MoedReading", "MoedEngine", "MoedBatching", "MoedPreparation", "MoedLocal", "MoedWorker", "MoedSystemd", lifecycle, signals, logging,
                "MoedGrammar",
            ], swiftSettings: swift),
        .target(
            name: "MoedRehearsal",
            dependencies: [
                "MoedCore", "MoedHost", "MoedQueue", "MoedPostgres", "MoedBatching", "MoedLocal", "MoedWorker", "MoedSystemd",
                "MoedTools", lifecycle, logging,
            ], swiftSettings: swift),
        .executableTarget(
            name: "moed",
            dependencies: [
                "MoedCore", "MoedClient", "MoedCommands", "MoedDaemon", "MoedGateway", "MoedHost", "MoedLocal", "MoedRehearsal", "MoedSettings", "MoedTools",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: swift),

        .target(
            name: "TestSupport", dependencies: ["MoedCore", "MoedPostgres"], path: "Tests/TestSupport",
            swiftSettings: swift),
        .testTarget(name: "MoedCoreTests", dependencies: ["MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(name: "MoedHostTests", dependencies: ["MoedHost"], swiftSettings: swift),
        .testTarget(name: "MoedPostgresTests", dependencies: ["MoedPostgres", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedQueueTests", dependencies: ["MoedQueue", "MoedRehearsal", "MoedCore", "MoedPostgres", "TestSupport"],
            swiftSettings: swift),
        .testTarget(name: "MoedTextTests", dependencies: ["MoedText", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedGrammarTests", dependencies: ["MoedAutomata", "MoedGrammar", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(name: "MoedPolicyTests", dependencies: ["MoedPolicy", "MoedCore"], swiftSettings: swift),
        .testTarget(
            name: "MoedWeightsTests", dependencies: ["MoedAdapters", "MoedLattice", "MoedPacks", "MoedWeights", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedSamplingTests", dependencies: ["MoedSampling", "MoedCore", "CMoedKernels", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedEngineTests",
            dependencies: [
                "MoedReading", "MoedEngine", "MoedCaching", "MoedBatching", "MoedTools", "MoedPacks", "MoedWeights", "MoedCore", "MoedAdapters",
                "CMoedKernels", "COpenBLAS", "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MoedBatchingTests", dependencies: ["MoedBatching", "MoedCore", "TestSupport"], swiftSettings: swift),
        .testTarget(name: "MoedSystemdTests", dependencies: ["MoedSystemd", logging], swiftSettings: swift),
        .testTarget(
            name: "MoedFrontTests", dependencies: ["MoedFront", "TestSupport"], swiftSettings: swift),
        .testTarget(
            name: "MoedPreparationTests",
            dependencies: ["MoedPreparation", "MoedCore", "MoedText", "MoedGrammar", "MoedBatching", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "MoedRemoteTests",
            dependencies: ["MoedRemote", "MoedCore", "MoedHost", "MoedBatching", "MoedPreparation", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "MoedLocalTests",
            dependencies: [
                "MoedLocal", "MoedPreparation", "MoedCore", "MoedHost", "MoedText", "MoedBatching", "MoedReading", "MoedEngine", "MoedPacks",
                "MoedWeights", "MoedCaching", "TestSupport", "MoedAdapters",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MoedWorkerTests",
            dependencies: [
                "MoedWorker", "MoedCore", "MoedHost", "MoedQueue", "MoedPostgres", "MoedSystemd", "TestSupport", lifecycle,
                logging,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MoedToolsTests",
            dependencies: [
                "MoedTools", "MoedRehearsal", "MoedLocal", "MoedPreparation", "MoedCore", "MoedHost", "MoedBatching", "MoedReading", "MoedEngine", "MoedQueue",
                "MoedCaching", "MoedPacks", "MoedWeights", "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MoedDaemonTests",
            dependencies: [
                "MoedDaemon", "MoedEndpoints", "MoedSettings", "MoedWorker", "MoedLocal", "MoedPreparation", "MoedRemote", "MoedRemoteHTTP",
                "MoedCore", "MoedHost", "MoedReading", "MoedEngine", "MoedPacks", "MoedWeights",
                "MoedFront", "MoedSystemd", "TestSupport", logging, "MoedModeration",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "EndToEndTests", dependencies: ["MoedCore", "MoedPostgres", "TestSupport", "moed"],
            swiftSettings: swift),
        .testTarget(name: "SystemdTests", dependencies: ["MoedCore", "TestSupport", "moed"], swiftSettings: swift),
        .testTarget(name: "MoedPageTests", dependencies: ["MoedPage", "MoedCore"], swiftSettings: swift),
        .testTarget(name: "MoedOpenAITests", dependencies: ["MoedOpenAI", "MoedCore"], swiftSettings: swift),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: swift),
    ]
)

// Linked with libFuzzer, which has a main function of its own: for .ci/fuzz only.
if Context.environment["MOED_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["MoedCore", "MoedText", "MoedAutomata", "MoedGrammar", "MoedPacks", "MoedWeights"], path: "Tests/Fuzz",
            exclude: ["seeds"], swiftSettings: swift))
}
