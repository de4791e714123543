package import MoedCore

/// The body of `POST /v1/batches`.
package struct BatchRequest: Sendable, Equatable {
    package var inputFile: UUIDText
    package var window: String
    package var metadata: JSONValue?
    /// Seconds after the end for which the output files are there; nil is no limit.
    package var outputLifetime: Int?

    private static let pairsMax = 16
    private static let keyMax = 64
    private static let valueMax = 512
    private static let members: Set = [
        "input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after",
    ]

    package init(inputFile: UUIDText, window: String) {
        self.inputFile = inputFile
        self.window = window
    }

    package init(_ bytes: [UInt8]) throws(APIError) {
        let body = try RequestBody.object(bytes)
        for member in body.members where !Self.members.contains(member.key) {
            throw .invalid(
                "\(member.key.prefix(64)) is no parameter of a batch", param: member.key,
                code: "unknown_parameter")
        }
        guard let text = body["input_file_id"]?.string else {
            throw .invalid(
                "input_file_id must be a string", param: "input_file_id", code: "missing_required_parameter")
        }
        guard case .upload(let file)? = FileID(text) else {
            throw APIError(404, "there is no uploaded file with this id", param: "input_file_id")
        }
        guard body["endpoint"]?.string == BatchObject.endpoint else {
            throw .invalid("endpoint must be \(BatchObject.endpoint)", param: "endpoint")
        }
        guard let window = body["completion_window"]?.string else {
            throw .invalid(
                "completion_window must be a string such as 24h", param: "completion_window",
                code: "missing_required_parameter")
        }
        inputFile = file
        self.window = window
        metadata = try Self.metadata(body["metadata"])
        outputLifetime = try Self.lifetime(body["output_expires_after"])
    }

    private static func lifetime(_ value: JSONValue?) throws(APIError) -> Int? {
        guard let value, value != .null else { return nil }
        guard value["anchor"] == "created_at", let seconds = value["seconds"]?.integer,
            ExpirySeconds.range.contains(seconds)
        else {
            throw .invalid(
                "output_expires_after has the anchor created_at and seconds in \(ExpirySeconds.text)",
                param: "output_expires_after")
        }
        return seconds
    }

    private static func metadata(_ value: JSONValue?) throws(APIError) -> JSONValue? {
        guard let value, value != .null else { return nil }
        guard let pairs = value.object else {
            throw .invalid("metadata must be an object", param: "metadata")
        }
        guard pairs.count <= pairsMax else {
            throw .invalid("metadata has more than \(pairsMax) pairs", param: "metadata")
        }
        for pair in pairs.members {
            guard let text = pair.value.string, pair.key.unicodeScalars.count <= keyMax,
                text.unicodeScalars.count <= valueMax, !pair.key.contains("\0"), !text.contains("\0")
            else {
                throw .invalid(
                    "metadata has strings as values, keys up to \(keyMax) and values up to \(valueMax) characters",
                    param: "metadata")
            }
        }
        return value
    }
}

/// Times after which files expire: an hour to thirty days, as in OpenAI's API.
enum ExpirySeconds {
    static let range = 3600...2_592_000
    static let text = "\(range.lowerBound)…\(range.upperBound)"
}

/// A body that must be one JSON object.
enum RequestBody {
    /// Maximum number of values in a body; each takes more memory than its text.
    private static let valuesMax = 1_000_000

    static func object(_ bytes: [UInt8]) throws(APIError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: bytes.span, valuesMax: valuesMax) } catch {
            throw .invalid("the body is no JSON: \(error)", code: "invalid_json")
        }
        guard let object = value.object else {
            throw .invalid("the body must be a JSON object, not \(value.kind)", code: "invalid_json")
        }
        return object
    }
}
