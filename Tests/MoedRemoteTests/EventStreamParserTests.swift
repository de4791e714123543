import MoedCore
import Testing

@testable import MoedRemote

/// Server-sent events come out whole, wherever the network cuts them.
struct EventStreamParserTests {
    private static func events(_ pieces: [[UInt8]]) throws -> [String] {
        var parser = EventStreamParser()
        return try pieces.flatMap { try parser.append($0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static let streams: [(text: String, events: [String])] = [
        ("data: a\n\ndata: b\n\n", ["a", "b"]),
        ("data:a\r\n\r\ndata:  b\r\n\r\n", ["a", " b"]),
        ("data: a\r\rdata: b\r\r", ["a", "b"]),
        (": keep-alive\n\ndata: a\n\n: x\n\n", ["a"]),
        ("event: error\nid: 7\nretry: 10\ndata: a\n\n", ["a"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\ndata:\n\n", ["", ""]),
        ("\n\n\ndata: a\n\n\n\n", ["a"]),
        ("\u{FEFF}data: a\n\n", ["a"]),
        ("database: a\n\n", []),
        ("data: é\u{1F600}\n\n", ["é\u{1F600}"]),
        // An event without its blank line does not exist.
        ("data: a\n\ndata: b\n", ["a"]),
        ("data: a", []), ("", []),
    ]

    @Test(arguments: streams.indices)
    func eventsAreWholeWhereverTheyAreCut(index: Int) throws {
        let (text, expected) = Self.streams[index]
        let bytes = Array(text.utf8)
        #expect(try Self.events([bytes]) == expected)
        #expect(try Self.events(bytes.map { [$0] }) == expected)
        for cut in 0...bytes.count {
            #expect(try Self.events([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected, "cut at \(cut)")
        }
    }

    @Test func anEndlessEventIsRefused() throws {
        var parser = EventStreamParser()
        let piece = [UInt8](repeating: 65, count: 1 << 16)
        #expect(throws: EventStreamParser.Failure.eventTooLarge) {
            for _ in 0..<17 { _ = try parser.append(piece) }
        }
        var lines = EventStreamParser()
        #expect(throws: EventStreamParser.Failure.eventTooLarge) {
            for _ in 0..<17 { _ = try lines.append(Array("data: ".utf8) + piece + [10]) }
        }
    }
}
