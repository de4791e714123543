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

        .target(name: "CMoedKernels", exclude: ["body"]),
        .target(name: "MoedWeights", dependencies: ["MoedCore"], swiftSettings: swift),
        .target(
            name: "MoedEngine", dependencies: ["MoedCore", "MoedWeights", "CMoedKernels"], swiftSettings: swift),

        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(
            name: "TestSupport", dependencies: ["MoedCore"], path: "Tests/TestSupport", swiftSettings: swift),
        .testTarget(name: "MoedCoreTests", dependencies: ["MoedCore"], swiftSettings: swift),
        .testTarget(
            name: "MoedWeightsTests", dependencies: ["MoedCore", "MoedWeights", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "MoedEngineTests",
            dependencies: ["MoedCore", "MoedWeights", "MoedEngine", "CMoedKernels", "COpenBLAS", "TestSupport"],
            swiftSettings: swift),
        .testTarget(name: "TidyTests", swiftSettings: swift),
    ]
)
