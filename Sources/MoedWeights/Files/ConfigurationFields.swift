package import MoedCore

/// Typed, checked access to the members of a checkpoint's JSON file; a null member counts as absent.
package struct ConfigurationFields {
    package let path: String
    package let object: JSONObject

    /// - Parameter path: of the file, for messages.
    package init(path: String, object: JSONObject) {
        self.path = path
        self.object = object
    }

    package func error(_ field: String, _ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(path): \(field) \(reason)")
    }

    package func unsupported(_ field: String, _ reason: String) -> EngineError {
        EngineError(.unsupportedModel, "\(path): \(field) \(reason)")
    }

    package subscript(field: String) -> JSONValue? {
        guard let value = object[field], value != .null else { return nil }
        return value
    }

    package func optionalInteger(_ field: String, in range: ClosedRange<Int>) throws(EngineError) -> Int? {
        guard let value = self[field] else { return nil }
        guard let number = value.integer else {
            throw error(field, "must be a whole number, not \(value.kind)")
        }
        guard range.contains(number) else {
            throw error(field, "is \(number), but must be in \(range.lowerBound)…\(range.upperBound)")
        }
        return number
    }

    package func integer(_ field: String, in range: ClosedRange<Int>) throws(EngineError) -> Int {
        guard let number = try optionalInteger(field, in: range) else { throw error(field, "is missing") }
        return number
    }

    package func optionalNumber(_ field: String, in range: ClosedRange<Double>) throws(EngineError) -> Double? {
        guard let value = self[field] else { return nil }
        guard let number = value.number else { throw error(field, "must be a number, not \(value.kind)") }
        guard range.contains(number) else {
            throw error(field, "is \(number), but must be in \(range.lowerBound)…\(range.upperBound)")
        }
        return number
    }

    package func number(_ field: String, in range: ClosedRange<Double>) throws(EngineError) -> Double {
        guard let number = try optionalNumber(field, in: range) else { throw error(field, "is missing") }
        return number
    }

    package func optionalBool(_ field: String) throws(EngineError) -> Bool? {
        guard let value = self[field] else { return nil }
        guard let flag = value.bool else { throw error(field, "must be a boolean, not \(value.kind)") }
        return flag
    }

    package func optionalString(_ field: String) throws(EngineError) -> String? {
        guard let value = self[field] else { return nil }
        guard let text = value.string else { throw error(field, "must be a string, not \(value.kind)") }
        return text
    }

    package func optionalFields(_ field: String) throws(EngineError) -> ConfigurationFields? {
        guard let value = self[field] else { return nil }
        guard let object = value.object else { throw error(field, "must be an object, not \(value.kind)") }
        return ConfigurationFields(path: "\(path): \(field)", object: object)
    }
}
