import MoedCore

/// Typed access to the metadata of a GGUF model.
struct GGUFMetadata {
    let path: String
    let values: [ExactString: JSONValue]

    subscript(key: String) -> JSONValue? { values[ExactString(key)] }

    func error(_ key: String, _ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(path): \(key) \(reason)")
    }

    func unsupported(_ key: String, _ reason: String) -> EngineError {
        EngineError(.unsupportedModel, "\(path): \(key) \(reason)")
    }

    func string(_ key: String) throws(EngineError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw error(key, "must be a text, not \(value.kind)") }
        return text
    }

    func integer(_ key: String) throws(EngineError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let number = value.integer else { throw error(key, "must be a whole number, not \(value.kind)") }
        return number
    }

    func required(_ key: String) throws(EngineError) -> Int {
        guard let number = try integer(key) else { throw error(key, "is missing") }
        return number
    }

    func number(_ key: String) throws(EngineError) -> Double? {
        guard let value = self[key] else { return nil }
        guard let number = value.number else { throw error(key, "must be a number, not \(value.kind)") }
        return number
    }

    func array(_ key: String) throws(EngineError) -> [JSONValue] {
        guard let value = self[key] else { throw error(key, "is missing") }
        guard let array = value.array else { throw error(key, "must be a list, not \(value.kind)") }
        return array
    }
}
