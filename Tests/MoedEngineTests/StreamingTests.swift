import MoedReading
import Foundation
import MoedCaching
import MoedCore
import MoedEngine
import MoedHost
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// A pack of the sample model: 6 layers of 16 experts.
struct PackScene: Sendable {
    let path: String

    init(_ folder: TemporaryFolder) throws {
        path = folder.path("pack")
        try PackTests.pack(
            try SampleModelTests.checkpoint(), to: path, experts: .int8(group: 64), dense: .int8(group: 64))
    }

    var experts: String { "\(path)/experts.bin" }

    func table() throws -> ExpertTable {
        let pack = try Pack.open(path)
        return try ExpertTable(pack, blobs: pack.manifest.blobs.filter { $0.file == .experts })
    }

    /// - Parameter places: nil loads everything.
    func engine(
        places: Int?, threads: Int = 2, rows: Int = 512, policy: ExpertCachePolicy.Kind = .moed,
        verification: ExpertVerification = .first, reader: (any ExpertReader)? = nil
    ) throws -> Engine {
        let unloaded = try UnloadedModel(.pack(try Pack.open(path)))
        let model =
            places == nil
            ? try unloaded.load(threads: 2)
            : try unloaded.loadStreamed(verification: verification, reader: reader, threads: 2)
        return try engine(model, places: places ?? 0, threads: threads, rows: rows, policy: policy)
    }

    private func engine(
        _ model: Qwen3Model, places: Int = 0, threads: Int = 2, rows: Int = 512,
        policy: ExpertCachePolicy.Kind = .moed
    ) throws -> Engine {
        var settings = EngineSettings(
            threads: threads, kvTokens: 32 * 256, sequencesMax: 32, rowsPerSweepMax: rows)
        settings.expertPlaces = places
        settings.cachePolicy = policy
        return try Engine(model: model, settings: settings)
    }

    /// An engine that is ready before its experts are.
    func arriving(reader: (any ExpertReader)? = nil) throws -> Engine {
        let model = try UnloadedModel(.pack(try Pack.open(path))).loadArriving(reader: reader, threads: 2)
        return try engine(try #require(model))
    }

    static func bits(_ engine: Engine, _ tokens: [TokenID] = (1..<40).map { TokenID($0) }) throws
        -> [[UInt32]]
    {
        try engine.logits(tokens).map { $0.map(\.bitPattern) }
    }

    static func failure(_ engine: Engine) -> EngineError? {
        do throws(EngineError) { _ = try engine.logits((1..<40).map { TokenID($0) }) } catch { return error }
        return nil
    }
}

/// Experts that are read while the model runs: the same bits as from memory, with any number of places.
@Suite struct StreamingTests {
    private let folder: TemporaryFolder
    private let scene: PackScene

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
    }

    @Test func tokensDoNotDependOnTheSlots() async throws {
        try await onOwnThread { [scene] in
            let requests = try InvarianceTests.requests()
            let expected = try scene.engine(places: nil).generate(requests, prefillChunk: 512)
            for places in [ExpertCacheState.least, ExpertCacheState.least + 1, 5, 17, 48, 95, 96, 200] {
                let engine = try scene.engine(places: places)
                #expect(try engine.generate(requests, prefillChunk: 512) == expected, "\(places) places")
                #expect(engine.streaming.current.bytesRead > 0)
                #expect(engine.memory.expertPlaces >= places * 4096)
            }
        }
    }

    /// Every logit has the same bits, with odd chunks, several threads and each policy.
    @Test func logitsAreTheSameBits() async throws {
        try await onOwnThread { [scene] in
            let prompt = Array(try SamplePrompt.all()[0...].flatMap { $0.promptIDs }.prefix(90))
            func bits(_ engine: Engine) throws -> [[UInt32]] {
                try PackScene.bits(engine, prompt)
            }
            let expected = try bits(scene.engine(places: nil))
            for (places, rows, threads) in [(2, 1, 1), (3, 7, 2), (20, 64, 1)] {
                for policy in ExpertCachePolicy.Kind.allCases {
                    let engine = try scene.engine(places: places, threads: threads, rows: rows, policy: policy)
                    #expect(try bits(engine) == expected, "\(places) places, \(policy)")
                }
            }
        }
    }

    @Test func aPlaceForEachIsReadOnce() async throws {
        try await onOwnThread { [scene] in
            let engine = try scene.engine(places: 96)
            let prompt = Array(try SamplePrompt.all()[0...].flatMap { $0.promptIDs }.prefix(400))
            for _ in 0..<3 { _ = try engine.logits(prompt, lastOnly: true) }
            let figures = engine.streaming.current
            #expect(figures.misses <= 96 && figures.regime == .fits)
        }
    }
}

/// Disks that fail: a clear error that names file and expert, the engine usable, never wrong tokens.
@Suite struct StreamingFaultTests {
    private let folder: TemporaryFolder
    private let scene: PackScene

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
    }

    private static func expectNamed(_ error: EngineError?, _ reason: String) throws {
        let error = try #require(error)
        #expect(error.code == .io)
        #expect(error.message.contains("model.layers."), "\(error)")
        #expect(error.message.contains("experts.bin") && error.message.contains(reason), "\(error)")
    }

    @Test func readsThatFailAreTriedAgain() async throws {
        // Every third read fails once, and every fifth brings other bytes.
        try await expectTheSameBits { $0 % 3 == 0 ? .error : $0 % 5 == 0 ? .damage : nil }
    }

    /// A disk of 50 MB/s changes only the time.
    @Test func aSlowDisk() async throws {
        try await expectTheSameBits { _ in .delay }
    }

    /// Compares the output bits at six expert places with and without these faults.
    private func expectTheSameBits(_ fault: @escaping @Sendable (Int) -> FaultyReader.Fault?) async throws {
        try await onOwnThread { [scene] in
            let expected = try PackScene.bits(scene.engine(places: 6))
            let reader = try FaultyReader(scene.experts)
            let engine = try scene.engine(places: 6, reader: reader)
            reader.set(once: true, fault)
            #expect(try PackScene.bits(engine) == expected)
            #expect(engine.streaming.current.failures == 0 && engine.streaming.current.misses > 0)
        }
    }

    @Test func aDiskThatStaysBroken() async throws {
        try await onOwnThread { [scene] in
            let expected = try PackScene.bits(scene.engine(places: 6))
            let reader = try FaultyReader(scene.experts)
            let engine = try scene.engine(places: 6, reader: reader)
            reader.set { _ in .error }
            try Self.expectNamed(PackScene.failure(engine), "Input/output error")
            // The engine is as it was, and goes on when the disk does.
            reader.set { _ in nil }
            #expect(try PackScene.bits(engine) == expected)
        }
    }

    @Test func aFileThatIsCutShort() async throws {
        try await onOwnThread { [scene] in
            let engine = try scene.engine(places: 6)
            _ = try PackScene.bits(engine)
            let path = scene.experts
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            try file.truncate(atOffset: 4096)
            try Self.expectNamed(PackScene.failure(engine), "cut short")
        }
    }

    /// Every expert is read and verified first. Overwritten bytes are then still detected.
    @Test(arguments: [ExpertVerification.first, .always])
    func aFileThatIsOverwritten(_ verification: ExpertVerification) async throws {
        try await onOwnThread { [scene] in
            let engine = try scene.engine(places: 6, verification: verification)
            _ = try PackScene.bits(engine)
            let path = scene.experts
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            let length = try file.seekToEnd()
            try file.seek(toOffset: 0)
            try file.write(contentsOf: Data(repeating: 7, count: Int(length)))
            try Self.expectNamed(PackScene.failure(engine), "digest")
        }
    }

    @Test func aDamagedExpertIsFoundWhenItIsRead() async throws {
        let blobs = try Pack.open(scene.path).manifest.blobs.filter { $0.file == .experts }
        for blob in blobs { try folder.flip("pack/experts.bin", at: blob.offset + 5) }
        try await onOwnThread { [scene] in
            try Self.expectNamed(PackScene.failure(try scene.engine(places: 6)), "digest")
        }
    }

    /// The sweep ends although the reader blocks every read, and the engine works afterwards.
    @Test func aSweepCanBeAbandoned() async throws {
        let reader = try FaultyReader(scene.experts)
        let engine = UncheckedBox(try scene.engine(places: 6, reader: reader))
        reader.hold()
        let interruption = engine.value.interruption
        async let error = onOwnThread { PackScene.failure(engine.value) }
        await reader.waitUntilHeld()
        interruption.request()
        #expect(try await error?.code == .interrupted)
        reader.letGo()
    }
}
