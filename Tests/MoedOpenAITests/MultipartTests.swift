import MoedOpenAI
import Testing

struct MultipartTests {
    private static let type = #"multipart/form-data; boundary="a b""#
    private static let body = [
        "preamble\r\n--a b  \r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch",
        "\r\n--a b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"C:\\\\x\\\\in.jsonl\"\r\nContent-Type: text/plain\r\n\r\n",
        "one\r\n--a c\r\n\r\ntwo\n\r\n--a b--\r\nepilogue",
    ].joined()

    /// Every way to cut the body into two pieces, and into single bytes, gives the same form.
    @Test func piecesOfAnySizeGiveTheSameForm() throws {
        let bytes = Array(Self.body.utf8)
        for cut in 0...bytes.count { try check([Array(bytes[..<cut]), Array(bytes[cut...])]) }
        try check(bytes.map { [$0] })
    }

    private func check(_ pieces: [[UInt8]]) throws {
        var form = try UploadForm(contentType: Self.type, limits: .init(bytes: 1000, lines: 10))
        var text = ""
        for piece in pieces { for slice in try form.add(piece) { text += slice.text } }
        let last = try form.finish()
        #expect(text + (last?.text ?? "") == "one\r\n--a c\r\n\r\ntwo\n")
        #expect(last?.lines == 3)
        #expect(form.fileName == "in.jsonl")
        #expect(try form.purpose() == "batch")
        #expect(try form.expiry() == nil)
    }

    @Test func formsAtFaultAreRefused() throws {
        func refusal(_ body: String, type: String = "multipart/form-data; boundary=x", limits: UploadForm.Limits = .init(bytes: 100, lines: 2)) -> APIError? {
            do throws(APIError) {
                var form = try UploadForm(contentType: type, limits: limits)
                _ = try form.add(body.utf8)
                _ = try form.finish()
                _ = try form.purpose()
                _ = try form.expiry()
                return nil
            } catch {
                return error
            }
        }
        func part(_ name: String, _ text: String) -> String {
            "--x\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"f\"\r\n\r\n\(text)\r\n"
        }
        let purpose = part("purpose", "batch")
        let end = "--x--\r\n"
        #expect(refusal(part("file", "a") + purpose + end) == nil)
        #expect(refusal(part("file", "") + purpose + end) == nil)
        #expect(refusal(part("file", "a") + purpose)?.status == 400, "no last boundary")
        #expect(refusal(purpose + end)?.param == "file")
        #expect(refusal(part("file", "a") + end)?.param == "purpose")
        #expect(refusal(part("file", "a") + part("file", "b") + purpose + end)?.param == "file")
        #expect(refusal(part("file", "a\n\nb\nc") + purpose + end)?.code == "too_many_lines")
        #expect(refusal(part("file", String(repeating: "a", count: 101)) + purpose + end)?.status == 413)
        #expect(refusal(part("file", "a\n\0") + purpose + end)?.message.contains("line 2") == true)
        #expect(refusal(part("purpose", String(repeating: "a", count: 5000)) + end)?.status == 400)
        #expect(refusal("--x\r\n" + String(repeating: "h", count: 20_000))?.status == 400)
        #expect(refusal(part("file", "a") + purpose + part("expires_after[seconds]", "1") + end)?.param == "expires_after")
        #expect(refusal((0..<40).map { part("f\($0)", "") }.joined() + end)?.status == 400)
        for type in ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="] {
            #expect(refusal(end, type: type)?.status == 400, "\(type)")
        }
    }

    @Test func slicesAreWholeLines() throws {
        var slicer = LineSlicer(.init(bytes: .max, lines: .max))
        let line = String(repeating: "é", count: 1000) + "\n"
        var slices: [LineSlicer.Slice] = []
        for _ in 0..<1000 {
            // Pieces end within characters.
            let bytes = Array(line.utf8)
            slices += try slicer.add(Array(bytes[..<777]))
            slices += try slicer.add(Array(bytes[777...]))
        }
        if let last = try slicer.finish() { slices.append(last) }
        #expect(slices.allSatisfy { $0.text.hasSuffix("\n") && $0.text.utf8.count <= 300_000 })
        #expect(slices.count > 5)
        #expect(slices.reduce(0) { $0 + $1.lines } == 1000)
        #expect(slices.map(\.text).joined() == String(repeating: line, count: 1000))
    }
}
