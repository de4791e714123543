/// The headers of a part of a form.
package struct MultipartHeader: Sendable, Equatable {
    /// Name of the form's field.
    package var name = ""
    /// Name of the file; nil for a plain field.
    package var fileName: String?

    init(_ text: String) {
        for line in text.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-disposition" else { continue }
            let parameters = HeaderParameters(String(parts[1]))
            name = parameters["name"] ?? ""
            fileName = parameters["filename"].map { Self.lastStep($0) }
        }
    }

    /// The name without directories, which mean nothing here.
    private static func lastStep(_ path: String) -> String {
        String(path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? "")
    }
}

/// A header such as `form-data; name="file"`: its value in lower case and its parameters.
struct HeaderParameters {
    let value: String
    private var parameters: [String: String] = [:]

    init(_ text: String) {
        var pieces: [String] = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                pieces[pieces.count - 1].append(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == ";", !isQuoted {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        value = Self.trimmed(pieces[0]).lowercased()
        for piece in pieces.dropFirst() {
            let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            parameters[Self.trimmed(String(parts[0])).lowercased()] = Self.trimmed(String(parts[1]))
        }
    }

    subscript(name: String) -> String? { parameters[name] }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
