import MoedAutomata
import MoedCore

/// Keywords that concern one type of values.
struct TypedKeywords {
    let reader: SchemaReader
    let schema: JSONObject

    private var forms: SchemaForms { reader.forms }
    private var draft: SchemaDocument.Draft { forms.document.draft }

    func form() throws(GrammarError) -> NormalForm {
        let types = try types()
        func has(_ name: String) -> Bool { types?.contains(name) ?? true }
        var form = NormalForm(hasNull: has("null"), hasTrue: has("boolean"), hasFalse: has("boolean"))
        if has("number") || has("integer"), let shape = try numbers(isInteger: has("number") ? nil : true) {
            form.numbers = [shape]
        }
        if has("string"), let shape = try strings() { form.strings = [shape] }
        if has("array"), let shape = try arrays() { form.arrays = [shape] }
        if has("object"), let shape = try objects() { form.objects = [shape] }
        return form
    }

    private func types() throws(GrammarError) -> Set<String>? {
        guard let value = schema["type"] else { return nil }
        let names = (value.array ?? [value]).map(\.string)
        let known: Set<String> = ["null", "boolean", "integer", "number", "string", "array", "object"]
        for name in names {
            guard let name, known.contains(name) else {
                if name == "any" { return nil }
                throw reader.malformed("type", "names an unknown type: \(name?.prefix(40) ?? "not a string")")
            }
        }
        return Set(names.compactMap { $0 })
    }

    // MARK: Scalars

    private func decimal(_ keyword: String) throws(GrammarError) -> ExactDecimal? {
        guard let value = schema[keyword], value.bool == nil else { return nil }
        guard let number = ExactDecimal(value) else { throw reader.malformed(keyword, "must be a number") }
        return number
    }

    private func numbers(isInteger: Bool?) throws(GrammarError) -> NumberShape? {
        var shape = NumberShape(isInteger: isInteger, allowsPointZero: draft > .four)
        if let value = try decimal("minimum") {
            shape.lower = .init(value: value, isExclusive: schema["exclusiveMinimum"] == true)
        }
        if let value = try decimal("maximum") {
            shape.upper = .init(value: value, isExclusive: schema["exclusiveMaximum"] == true)
        }
        var more = NumberShape(allowsPointZero: shape.allowsPointZero)
        if let value = try decimal("exclusiveMinimum") { more.lower = .init(value: value, isExclusive: true) }
        if let value = try decimal("exclusiveMaximum") { more.upper = .init(value: value, isExclusive: true) }
        if let value = try decimal("multipleOf") {
            guard !value.isZero, !value.isNegative else {
                throw reader.malformed("multipleOf", "must be above 0")
            }
            more.multiples = [value]
            // Every whole number is a multiple of 1 and nothing else is.
            if value == ExactDecimal(isNegative: false, digits: [1], exponent: 0) {
                more.multiples = []
                more.isInteger = true
            }
        }
        return shape.intersection(more)
    }

    private func strings() throws(GrammarError) -> StringShape? {
        let least = try count("minLength") ?? 0
        let most = try count("maxLength")
        if let most, most < least { return nil }
        var dfa = DFATable.anyText
        if let pattern = schema["pattern"] {
            guard let text = pattern.string else { throw reader.malformed("pattern", "must be a string") }
            dfa = try regex(text, at: "pattern")
        }
        if let name = schema["format"]?.string, let format = try StringFormat.dfa(name) {
            dfa = try forms.texts.intersection(dfa, forms.texts.add(format))
        } else if let name = schema["format"]?.string {
            if StringFormat.isUnsupported(name) {
                guard !forms.isStrict else {
                    throw GrammarError(
                        .unsupported, at: "\(reader.place.pointer)/format", "format \(name) is not supported")
                }
                forms.warn("format \(name) at \(reader.place.pointer) was not enforced")
            }
        }
        guard !forms.texts[dfa].isEmpty else { return nil }
        return StringShape(dfa: dfa, least: least, most: most)
    }

    func regex(_ text: String, at keyword: String) throws(GrammarError) -> Int32 {
        do {
            return forms.texts.add(try DFABuilder.build(try RegexParser.parse(text), searches: true))
        } catch {
            throw GrammarError(error.code, at: "\(reader.place.pointer)/\(keyword)", error.reason)
        }
    }

    private func count(_ keyword: String) throws(GrammarError) -> Int? {
        guard let value = schema[keyword] else { return nil }
        if let count = value.integer, count >= 0 { return min(count, 1 << 40) }
        // A number beyond 64 bits bounds nothing more than the largest.
        if let number = value.number, number.rounded() == number, number > 0 { return 1 << 40 }
        throw reader.malformed(keyword, "must be a whole number of at least 0")
    }

    // MARK: Arrays

    private func arrays() throws(GrammarError) -> ArrayShape? {
        var shape = ArrayShape(least: try count("minItems") ?? 0, most: try count("maxItems"))
        if let most = shape.most, most < shape.least { return nil }
        var prefix = try reader.list("prefixItems", schema)
        var rest = ExpressionTable.anything
        if schema["items"]?.array != nil {
            prefix = try reader.list("items", schema)
            rest = try reader.child("additionalItems", schema) ?? rest
        } else {
            rest = try reader.child("items", schema) ?? rest
        }
        while rest == ExpressionTable.anything, prefix.last == ExpressionTable.anything {
            prefix.removeLast()
        }
        if !prefix.isEmpty || rest != ExpressionTable.anything {
            shape.layers = [.init(prefix: prefix, rest: rest)]
        }
        if draft > .four, let item = try reader.child("contains", schema) {
            let least = draft >= .y2019 ? try count("minContains") ?? 1 : 1
            let most = draft >= .y2019 ? try count("maxContains") : nil
            if let most, most < least { return nil }
            if least > 0 || most != nil {
                shape.contained = [.init(item: item, least: least, most: most, from: 0)]
                shape.least = max(shape.least, least)
            }
        }
        shape.isUnique = schema["uniqueItems"] == true && (shape.most ?? 2) > 1
        return shape
    }

    // MARK: Objects

    private func objects() throws(GrammarError) -> ObjectShape? {
        var shape = ObjectShape(least: try count("minProperties") ?? 0, most: try count("maxProperties"))
        if let most = shape.most, most < shape.least { return nil }
        if let required = schema["required"], required.bool == nil {
            guard let keys = required.array else { throw reader.malformed("required", "must be an array") }
            for key in keys {
                guard let key = key.string else { throw reader.malformed("required", "must hold strings") }
                if !shape.requires(key) { shape.required.append(key) }
            }
        }
        var layer = ObjectShape.Layer()
        if let properties = schema["properties"] {
            guard let object = properties.object else {
                throw reader.malformed("properties", "must be an object")
            }
            for member in object.members {
                guard let place = forms.document.member(of: reader.place, ["properties", member.key]) else {
                    continue
                }
                layer.properties.append(.init(key: member.key, value: forms.expression(place)))
            }
        }
        if let patterns = schema["patternProperties"] {
            guard let object = patterns.object else {
                throw reader.malformed("patternProperties", "must be an object")
            }
            for member in object.members {
                guard let place = forms.document.member(of: reader.place, ["patternProperties", member.key])
                else {
                    continue
                }
                let dfa = try regex(member.key, at: "patternProperties")
                layer.patterns.append(.init(dfa: dfa, value: forms.expression(place)))
            }
        }
        layer.additional = try reader.child("additionalProperties", schema) ?? ExpressionTable.anything
        if layer != ObjectShape.Layer() { shape.layers = [layer] }
        if draft > .four, let names = try reader.child("propertyNames", schema),
            names != ExpressionTable.anything
        {
            shape.names = [names]
        }
        return shape
    }
}
