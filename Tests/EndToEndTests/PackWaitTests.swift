import Foundation
import MoedCore
import TestSupport
import Testing

/// `moed pack --wait` beside a download, and `--report`.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct PackWaitTests {
    private let folder: TemporaryFolder
    private let model = Fixtures.sampleModel.path
    private let formats = ["--experts", "int4", "--dense", "int8"]
    private let second = "model-00002-of-00002.safetensors"
    private let shards: [[UInt8]]

    /// Writes the sample model in two shards; the second one is cut off.
    init() throws {
        folder = try TemporaryFolder()
        try folder.createFolder("model")
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
            try folder.copy("\(model)/\(name)", to: "model/\(name)")
        }
        let (files, index) = try Self.split("\(model)/model.safetensors")
        shards = files
        try folder.write("model/model.safetensors.index.json", Array(index.utf8))
        try folder.write("model/model-00001-of-00002.safetensors", shards[0])
        try folder.write("model/\(second)", Array(shards[1].dropLast(100_000)))
    }

    private static func split(_ path: String) throws -> (files: [[UInt8]], index: String) {
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let members = try JSONValue(parsing: Array(bytes[8..<8 + length])).object?.members ?? []
        var files: [[UInt8]] = []
        var map = JSONObject()
        let tensors = members.filter { $0.key != "__metadata__" }
        for (number, part) in [tensors.prefix(tensors.count / 2), tensors.dropFirst(tensors.count / 2)].enumerated() {
            var header = JSONObject()
            var data: [UInt8] = []
            for member in part {
                let offsets = (member.value["data_offsets"]?.array ?? []).compactMap(\.integer)
                var entry = member.value.object ?? JSONObject()
                let size = offsets[1] - offsets[0]
                entry["data_offsets"] = .array([.integer(Int64(data.count)), .integer(Int64(data.count + size))])
                header[member.key] = .object(entry)
                data += bytes[8 + length + offsets[0]..<8 + length + offsets[1]]
                map[member.key] = .string("model-0000\(number + 1)-of-00002.safetensors")
            }
            files.append(TestCheckpoint.safetensors(header: JSONValue.object(header).serialized(), data: data))
        }
        return (files, JSONValue.object(JSONObject([("weight_map", .object(map))])).serialized())
    }

    private func waiting() throws -> MoedDaemonProcess {
        try MoedDaemonProcess(["pack", folder.path("model"), folder.path("pack"), "--wait"] + formats)
    }

    @Test func theFileArrives() async throws {
        let process = try waiting()
        #expect(try await eventually { process.logText.contains("\(second) has ") })
        #expect(process.logText.contains("4 of 5 files") || process.logText.contains("3 of 4 files"))
        try folder.write("model/\(second)", shards[1])
        #expect(try await process.exitCode() == 0, "\(process.logText)")
        #expect(try await MoedProgram.run(["pack", model, folder.path("whole")] + formats).status == 0)
        for file in ["dense.bin", "experts.bin"] {
            #expect(try folder.bytes("pack/\(file)") == (try folder.bytes("whole/\(file)")))
        }
    }

    @Test func interruptedAndOutOfTime() async throws {
        let process = try waiting()
        #expect(try await eventually { process.logText.contains("waiting: ") })
        process.signal(SIGINT)
        #expect(try await process.exitCode() == 130)
        #expect(try folder.names == ["model"])
        let late = try await MoedProgram.run(
            ["pack", folder.path("model"), folder.path("pack"), "--wait", "--wait-limit", "100ms"])
        #expect(late.status != 0 && late.errors.contains("\(second) has "), "\(late)")
        let wrong = try await MoedProgram.run(["pack", model, folder.path("pack"), "--wait-limit", "soon"])
        #expect(wrong.status == 64 && wrong.errors.contains("--wait-limit"))
        #expect(try folder.names == ["model"])
    }

    @Test func theReportComparesFormats() async throws {
        try folder.write("text", Array("What is 27 + 58?".utf8))
        let given = try await MoedProgram.run(
            ["pack", model, folder.path("pack"), "--report-text", folder.path("text")] + formats)
        for word in [
            "KL divergence", "this pack: int4/64, int8/64", "int8/64  ", "int4/64  ", "keep  ", "as stored, on 10 tokens",
        ] {
            #expect(given.output.contains(word), "\(given)")
        }
        try folder.write("text", [])
        let empty = try await MoedProgram.run(
            ["pack", model, folder.path("none"), "--report-text", folder.path("text")] + formats)
        #expect(empty.status != 0 && empty.errors.contains("is empty"), "\(empty)")
        #expect(!(try folder.names.contains("none")))
    }
}
