import MoedCore

/// Members of `config.json` that have a default in transformers; those that are absent are noted.
struct DefaultedFields {
    let fields: ConfigurationFields
    private var taken: [String] = []

    init(_ fields: ConfigurationFields) { self.fields = fields }

    /// One sentence about all defaults taken; nil when there are none.
    var remark: String? {
        guard !taken.isEmpty else { return nil }
        return "config.json: \(taken.joined(separator: ", ")): not given, transformers' default"
    }

    mutating func number(_ field: String, in range: ClosedRange<Double>, default fallback: Double)
        throws(EngineError) -> Double
    {
        if let number = try fields.optionalNumber(field, in: range) { return number }
        taken.append("\(field) \(JSONValue.double(fallback).shortest)")
        return fallback
    }

    mutating func integer(_ field: String, in range: ClosedRange<Int>, default fallback: Int)
        throws(EngineError) -> Int
    {
        if let number = try fields.optionalInteger(field, in: range) { return number }
        taken.append("\(field) \(fallback)")
        return fallback
    }

    mutating func bool(_ field: String, default fallback: Bool) throws(EngineError) -> Bool {
        if let flag = try fields.optionalBool(field) { return flag }
        taken.append("\(field) \(fallback)")
        return fallback
    }

    mutating func note(_ field: String, default fallback: Double) {
        taken.append("\(field) \(JSONValue.double(fallback).shortest)")
    }
}
