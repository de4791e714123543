import Testing

/// Allowed imports between targets, as drawn in the design: queue and engine never meet below the daemon.
struct ImportTests {
    /// Modules of the standard library and the C library, which are free for all.
    private static let free: Set<String> = ["Glibc", "Synchronization", "SwiftOverlayShims"]

    private static let allowed: [String: Set<String>] = [
        "MoedCore": [],
        "MoedHost": [],
        "MoedPostgres": ["CLibPQ", "MoedHost"],
        "MoedQueue": ["MoedCore", "MoedPostgres"],
        "MoedText": ["MoedCore"],
        "MoedAutomata": ["MoedCore"],
        "MoedGrammar": ["MoedCore", "MoedAutomata"],
        "MoedPolicy": ["MoedCore", "MoedAutomata"],
        "MoedLattice": [],
        "MoedWeights": ["MoedCore", "MoedLattice"],
        "MoedPacks": ["MoedCore", "MoedWeights"],
        "MoedAdapters": ["MoedCore", "MoedWeights"],
        "MoedCaching": ["MoedPacks", "MoedWeights"],
        "MoedReading": ["MoedCore", "MoedHost", "MoedPacks", "MoedWeights", "MoedCaching", "CReadRing"],
        "MoedSampling": ["MoedCore", "CMoedKernels"],
        "MoedEngine": [
            "MoedCore", "MoedHost", "MoedPacks", "MoedReading", "MoedWeights", "MoedAdapters", "MoedSampling", "MoedCaching", "CMoedKernels",
            "COpenBLAS",
        ],
        "MoedBatching": ["MoedCore"],
        "MoedSystemd": ["CSystemd", "Logging"],
        "MoedFront": ["MoedHost"],
        "MoedPreparation": [
            "MoedCore", "MoedHost", "MoedText", "MoedAutomata", "MoedGrammar", "MoedWeights", "MoedBatching", "MoedPolicy",
        ],
        "MoedLocal": [
            "MoedCore", "MoedHost", "MoedText", "MoedPacks", "MoedReading", "MoedWeights", "MoedCaching", "MoedEngine", "MoedAdapters",
            "MoedBatching", "MoedPreparation",
        ],
        "MoedRemote": ["MoedCore", "MoedHost", "MoedBatching", "MoedPreparation"],
        "MoedRemoteHTTP": [
            "MoedHost", "MoedRemote", "AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL",
        ],
        "MoedWorker": ["MoedCore", "MoedHost", "MoedPolicy", "MoedQueue", "MoedSystemd", "ServiceLifecycle", "Logging"],
        "MoedSettings": ["MoedCore", "MoedHost", "MoedSystemd", "Yams"],
        "MoedEndpoints": [
            "MoedCore", "MoedHost", "MoedText", "MoedPreparation", "MoedRemote", "MoedRemoteHTTP", "MoedFront", "MoedSettings",
        ],
        "MoedOpenAI": ["MoedCore"],
        "MoedPage": ["MoedCore"],
        "MoedClient": ["MoedCore", "MoedPostgres", "MoedOpenAI"],
        "MoedGateway": [
            "MoedCore", "MoedHost", "MoedPostgres", "MoedOpenAI", "MoedClient", "MoedPage", "MoedFront", "MoedSettings", "MoedSystemd",
            "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOPosix", "ServiceLifecycle", "UnixSignals", "Logging",
        ],
        "MoedCommands": ["MoedCore", "MoedHost", "MoedPostgres", "MoedOpenAI", "MoedClient"],
        "MoedDaemon": [
            "MoedCore", "MoedHost", "MoedQueue", "MoedText", "MoedPacks", "MoedReading", "MoedWeights", "MoedEngine", "MoedBatching",
            "MoedLocal", "MoedWorker", "MoedFront", "MoedSystemd", "ServiceLifecycle", "UnixSignals", "MoedCaching",
            "MoedSettings", "MoedPreparation", "MoedRemote", "MoedRemoteHTTP", "MoedEndpoints",
            "Logging",
        ],
        "MoedTools": [
            "MoedCore", "MoedHost", "MoedPostgres", "MoedQueue", "MoedText", "MoedPacks", "MoedReading", "MoedWeights", "MoedEngine",
            "MoedBatching", "MoedPreparation", "MoedLocal", "MoedWorker", "MoedSystemd", "ServiceLifecycle",
            "UnixSignals", "Logging", "MoedCaching", "MoedAdapters", "MoedGrammar",
        ],
        "MoedRehearsal": [
            "MoedCore", "MoedHost", "MoedPostgres", "MoedQueue", "MoedBatching", "MoedLocal", "MoedWorker", "MoedSystemd",
            "MoedTools", "ServiceLifecycle", "Logging",
        ],
        "moed": [
            "MoedCore", "MoedClient", "MoedCommands", "MoedDaemon", "MoedGateway", "MoedHost", "MoedLocal", "MoedRehearsal",
            "MoedSettings", "MoedTools",
            "ArgumentParser",
        ],
        "CLibPQ": [], "CSystemd": [], "COpenBLAS": [], "CMoedKernels": [], "CReadRing": [], "CMoedStart": [],
    ]

    /// NFC: on Linux only Foundation has it. One file of MoedText wraps it.
    private static let foundationFilesMax = ["MoedText": 1]

    @Test(arguments: SourceTree.swiftSources)
    func importsFollowTheArrows(file: SourceFile) throws {
        let allowed = try #require(Self.allowed[file.target], "\(file.target) is not in the table of targets")
        for line in file.code {
            guard let module = Self.imported(by: line) else { continue }
            let isAllowed =
                Self.free.contains(module) || allowed.contains(module)
                || module == "Foundation" && Self.foundationFilesMax[file.target] != nil
            #expect(isAllowed, "\(file.target) may not import \(module)")
        }
    }

    @Test func foundationIsConfined() {
        for (target, most) in Self.foundationFilesMax {
            let files = SourceTree.swiftSources.filter { file in
                file.target == target && file.code.contains { Self.imported(by: $0) == "Foundation" }
            }
            #expect(files.count <= most, "\(files.map(\.path)) import Foundation")
        }
    }

    /// `Glibc` of `package import Glibc` or `import struct Glibc.stat`.
    private static func imported(by line: String) -> String? {
        var words = line.split(separator: " ")[...]
        while let first = words.first,
            first.hasPrefix("@") || ["package", "internal", "private"].contains(first)
        {
            words.removeFirst()
        }
        guard words.first == "import" || words.first == "public" && words.dropFirst().first == "import" else {
            return nil
        }
        return words.last.map { String($0.split(separator: ".")[0]) }
    }
}
