/// The form of `POST /v1/files`, read piece by piece: its fields, and the file in slices of whole lines.
package struct UploadForm {
    /// Limits of an upload.
    package struct Limits: Sendable, Equatable {
        package var bytes: Int
        package var lines: Int

        package init(bytes: Int, lines: Int) {
            self.bytes = bytes
            self.lines = lines
        }
    }

    private static let fieldBytesMax = 4096

    private var parser: MultipartParser
    private var slicer: LineSlicer
    private var fields: [String: [UInt8]] = [:]
    private var current: MultipartHeader?
    /// Name of the file; nil before it begins.
    package private(set) var fileName: String?

    package init(contentType: String?, limits: Limits) throws(APIError) {
        parser = try MultipartParser(contentType: contentType)
        slicer = LineSlicer(limits)
    }

    /// Takes the next bytes of the body; returns the slices of the file that are complete.
    package mutating func add(_ bytes: some Sequence<UInt8>) throws(APIError) -> [LineSlicer.Slice] {
        var slices: [LineSlicer.Slice] = []
        for event in try parser.add(bytes) {
            switch event {
            case .part(let header):
                if header.name == "file" {
                    guard fileName == nil else { throw .invalid("the form has two files", param: "file") }
                    fileName = header.fileName ?? ""
                }
                current = header
            case .data(let data):
                if current?.name == "file" {
                    slices += try slicer.add(data)
                } else if let name = current?.name {
                    fields[name, default: []] += data
                    guard fields[name, default: []].count <= Self.fieldBytesMax else {
                        throw .invalid("a field of the form has more than \(Self.fieldBytesMax) bytes")
                    }
                }
            case .end: current = nil
            }
        }
        return slices
    }

    /// Ends the form; returns the last slice of the file.
    package mutating func finish() throws(APIError) -> LineSlicer.Slice? {
        guard parser.isComplete else { throw .invalid("the form ends before its last boundary") }
        guard fileName != nil else {
            throw .invalid("the form has no field file", param: "file", code: "missing_required_parameter")
        }
        return try slicer.finish()
    }

    /// Purpose of the file. Only files of requests are taken.
    package func purpose() throws(APIError) -> String {
        guard let text = text("purpose") else {
            throw .invalid(
                "the form has no field purpose", param: "purpose", code: "missing_required_parameter")
        }
        guard text == "batch" else { throw .invalid("purpose must be batch", param: "purpose") }
        return text
    }

    /// Seconds after which the file is deleted; nil is never.
    package func expiry() throws(APIError) -> Int? {
        if let anchor = text("expires_after[anchor]"), anchor != "created_at" {
            throw .invalid("expires_after.anchor must be created_at", param: "expires_after")
        }
        guard let text = text("expires_after[seconds]") else { return nil }
        guard let seconds = Int(text), ExpirySeconds.range.contains(seconds) else {
            throw .invalid("expires_after.seconds must be in \(ExpirySeconds.text)", param: "expires_after")
        }
        return seconds
    }

    private func text(_ field: String) -> String? {
        fields[field].map { String(decoding: $0, as: UTF8.self) }
    }
}
