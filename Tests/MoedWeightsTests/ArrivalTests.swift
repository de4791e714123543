import MoedCore
import MoedPacks
import TestSupport
import Testing

/// Files of an unfinished download.
@Suite struct ArrivalTests {
    private let checkpoint: TestCheckpoint
    private let shard = TestCheckpoint.safetensors()

    init() throws {
        checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write("tokenizer.json", "{}")
    }

    private func unfinished() throws -> String {
        try Arrival(of: checkpoint.path).text { "\($0) B" }
    }

    @Test func aSingleFile() throws {
        #expect(try unfinished() == "model.safetensors is missing")
        try checkpoint.write("model.safetensors", Array(shard.prefix(5)))
        #expect(try unfinished() == "model.safetensors is cut off at 5 B")
        try checkpoint.write("model.safetensors", Array(shard.prefix(100)))
        #expect(try unfinished() == "model.safetensors is cut off at 100 B")
        try checkpoint.write("model.safetensors", Array(shard.dropLast()))
        #expect(try unfinished() == "model.safetensors has \(shard.count - 1) B of \(shard.count) B")
        try checkpoint.write("model.safetensors", shard)
        #expect(try Arrival(of: checkpoint.path).unfinished.isEmpty)
        // aria2 gives a file its whole length at once.
        try checkpoint.write("model.safetensors.aria2", "")
        #expect(try unfinished() == "model.safetensors is cut off at \(shard.count) B")
    }

    @Test func shards() throws {
        let names = (1...5).map { "model-0000\($0)-of-00005.safetensors" }
        let map = names.enumerated().map { "\"t\($0.offset)\": \"\($0.element)\"" }.joined(separator: ", ")
        let index = "{\"weight_map\": {\(map)}}"
        try checkpoint.write("model.safetensors.index.json", String(index.dropLast(9)))
        #expect(try unfinished() == "model.safetensors is missing")
        try checkpoint.write("model.safetensors.index.json", index)
        #expect(
            try unfinished()
                == "\(names[0]) is missing, \(names[1]) is missing, \(names[2]) is missing, and 2 more")
        for name in names.dropLast() { try checkpoint.write(name, shard) }
        try checkpoint.write(names[4], "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
        let arrival = try Arrival(of: checkpoint.path)
        #expect(arrival.text { "\($0)" } == "\(names[4]) is missing")
        #expect(arrival.files.count == 7 && arrival.byteCount > 4 * shard.count)
        try checkpoint.write(names[4], shard)
        #expect(try Arrival(of: checkpoint.path).unfinished.isEmpty)
    }

    /// A file that is none of safetensors is left to the reader, which says what it is.
    @Test func foreignFiles() throws {
        try checkpoint.write("model.safetensors", "<html>Not found</html>")
        #expect(try Arrival(of: checkpoint.path).unfinished.isEmpty)
    }

    @Test func ggufParts() throws {
        let path = "\(checkpoint.path)/m-00001-of-00002.gguf"
        #expect(
            try Arrival(of: path).text { "\($0)" }
                == "m-00001-of-00002.gguf is missing, m-00002-of-00002.gguf is missing")
        let file = TestGGUF().bytes
        try checkpoint.write("m-00001-of-00002.gguf", file)
        try checkpoint.write("m-00002-of-00002.gguf", Array(file.dropLast(40)))
        #expect(
            try Arrival(of: path).text { "\($0)" } == "m-00002-of-00002.gguf is cut off at \(file.count - 40)")
        #expect(try Arrival(of: "\(checkpoint.path)/one.gguf").text { "\($0)" } == "one.gguf is missing")
    }
}
