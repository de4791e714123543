import Foundation
import MoedTools
import Testing

@Suite struct LineReaderTests {
    func read(_ bytes: [UInt8], lineBytesMax: Int = 1000) throws -> [LineReader.Next] {
        // A file, not a pipe: nobody has to write while this thread reads.
        let file = FileManager.default.temporaryDirectory.appending(path: "moed-lines-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forReadingFrom: file)
        var reader = LineReader(descriptor: handle.fileDescriptor, lineBytesMax: lineBytesMax)
        var all: [LineReader.Next] = []
        while all.last != .end { all.append(try reader.next()) }
        return all
    }

    func lines(_ text: String) throws -> [LineReader.Next] { try read(Array(text.utf8)) }

    func line(_ text: String) -> LineReader.Next { .line(Array(text.utf8)) }

    @Test func endsOfLinesOfAllKinds() throws {
        #expect(try lines("a\nb\r\n\nc") == [line("a"), line("b"), line(""), line("c"), .end])
        #expect(try lines("") == [.end])
        #expect(try lines("\n") == [line(""), .end])
    }

    @Test func longLinesAreSkippedNotKept() throws {
        let long = [UInt8](repeating: 0x78, count: 300_000)
        #expect(try read(long + [0x0A, 0x79]) == [.tooLong, .line([0x79]), .end])
        #expect(try read([0x79, 0x0A] + long) == [.line([0x79]), .tooLong, .end])
    }

    @Test func linesLongerThanAChunkAreWhole() throws {
        let long = [UInt8](repeating: 0x78, count: 200_000)
        #expect(try read(long + [0x0A] + long, lineBytesMax: 1 << 20) == [.line(long), .line(long), .end])
    }

    /// Quadratic code does not end within hours here.
    @Test func manyShortLinesAndOneLongLineCostTheirBytes() throws {
        let short = [UInt8](repeating: 0x0A, count: 1 << 20)
        #expect(try read(short) == [LineReader.Next](repeating: line(""), count: 1 << 20) + [.end])
        let long = [UInt8](repeating: 0x78, count: 32 << 20)
        #expect(try read(long, lineBytesMax: 64 << 20) == [.line(long), .end])
    }

    @Test func doesNotWaitWhenAskedNotTo() throws {
        let pipe = Pipe()
        var reader = LineReader(descriptor: pipe.fileHandleForReading.fileDescriptor)
        #expect(try reader.next(waits: false) == .notYet)
        try pipe.fileHandleForWriting.write(contentsOf: Data("a\nb".utf8))
        #expect(try reader.next(waits: false) == line("a"))
        #expect(try reader.next(waits: false) == .notYet)
        try pipe.fileHandleForWriting.close()
        #expect(try reader.next(waits: false) == line("b"))
        #expect(try reader.next(waits: false) == .end)
    }
}
