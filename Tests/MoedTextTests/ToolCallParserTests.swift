import Foundation
import MoedCore
import MoedText
import TestSupport
import Testing

/// Tool calls read out of answers.
struct ToolCallParserTests {
    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/tools")

    private static func parser() throws -> ToolCallParser {
        let tools = try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "tools.json"))).array ?? []
        var parameters: [String: JSONValue] = [:]
        for tool in tools {
            guard let function = tool["function"], let name = function["name"]?.string else { continue }
            parameters[name] = function["parameters"]
        }
        return ToolCallParser(parameters: parameters)
    }

    /// Calls are those of vLLM's parsers. Content is the same but for white space in front of a call.
    @Test func vLLMReadsTheSame() throws {
        let lines = try Fixtures.lines(Self.folder.appending(path: "calls.jsonl"))
        #expect(lines.count == 21)
        let parser = try Self.parser()
        for line in lines {
            let text = try #require(line["text"]?.string)
            let reading = parser.read(text)
            let expected = try (line["calls"]?.array ?? []).map { call in
                ToolCallParser.Call(
                    name: call["name"]?.string ?? "",
                    arguments: try #require(try JSONValue(parsing: call["arguments"]?.string ?? "").object))
            }
            #expect(reading.calls.count == expected.count, "\(text)")
            for (call, wanted) in zip(reading.calls, expected) {
                #expect(call.name == wanted.name)
                #expect(Self.numbers(.object(call.arguments)) == Self.numbers(.object(wanted.arguments)), "\(text)")
            }
            let content = (line["content"]?.string ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(reading.content.trimmingCharacters(in: .whitespacesAndNewlines) == content, "\(text)")
            #expect(reading.malformed == (expected.isEmpty && text.contains("<tool_call>") ? 1 : 0), "\(text)")
        }
    }

    /// 1e3 and 1000.0 are one number.
    private static func numbers(_ value: JSONValue) -> JSONValue {
        switch value {
        case .double(let number): .double(number)
        case .array(let list): .array(list.map(numbers))
        case .object(let object): .object(JSONObject(object.members.map { ($0.key, numbers($0.value)) }))
        default: value
        }
    }

    @Test(arguments: [
        // A text of an object is taken for the object.
        (
            #"<tool_call>{"name":"f","arguments":"{\"x\":1}"}</tool_call>"#, "", [("f", #"{"x":1}"#)], 0
        ),
        // The text of an end within an argument.
        (
            #"<tool_call>{"name":"f","arguments":{"x":"a</tool_call>b"}}</tool_call> after"#, "after",
            [("f", #"{"x":"a</tool_call>b"}"#)], 0
        ),
        // Good calls are calls beside a bad one, which stays text.
        (
            "Hm.\n\n<tool_call>\n{}\n</tool_call>\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n",
            "Hm.\n\n<tool_call>\n{}\n</tool_call>", [("f", "{}")], 1
        ),
        ("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": ", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": ", [], 1),
        ("<function=f>\n<parameter=b>\nTrue\n</parameter>\n</function>", "", [("f", #"{"b":true}"#)], 0),
        ("So:\n<function=f>\n<parameter=x>\n1\n</function>\nDone", "So:\nDone", [("f", #"{"x":1}"#)], 0),
        ("<tool_call>\n<function=f>\n<parameter=x", "<tool_call>\n<function=f>\n<parameter=x", [], 1),
        ("<tool_call><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", "<tool_call>", [("f", "{}")], 1),
        ("</tool_call><tool_call>", "</tool_call><tool_call>", [], 1),
    ] as [(String, String, [(String, String)], Int)])
    func otherTexts(text: String, content: String, calls: [(String, String)], malformed: Int) throws {
        let reading = try Self.parser().read(text)
        #expect(reading.content == content)
        #expect(reading.calls.map(\.name) == calls.map(\.0))
        #expect(reading.calls.map { JSONValue.object($0.arguments).serialized() } == calls.map(\.1))
        #expect(reading.malformed == malformed)
    }

    /// Time is linear in the text, whatever it is.
    @Test func manyTagsEnd() throws {
        for part in ["<tool_call>", "<tool_call></tool_call>", "<tool_call>{", "<function=f><parameter=x>", "</tool_call>"] {
            let text = String(repeating: part, count: 20_000)
            #expect(try Self.parser().read(text).content.isEmpty == part.hasPrefix("<function"))
        }
    }
}
