import MoedAutomata
import MoedCore

/// Reads one schema object into a normal form.
struct SchemaReader {
    let forms: SchemaForms
    let place: SchemaDocument.Place
    private var result = NormalForm.all

    init(forms: SchemaForms, place: SchemaDocument.Place) {
        self.forms = forms
        self.place = place
    }

    private var draft: SchemaDocument.Draft { forms.document.draft }

    func malformed(_ keyword: String, _ reason: String) -> GrammarError {
        GrammarError(.malformed, at: "\(place.pointer)/\(keyword)", "\(keyword) \(reason)")
    }

    private func unsupported(_ keyword: String) -> GrammarError {
        GrammarError(.unsupported, at: "\(place.pointer)/\(keyword)", "\(keyword) is not supported")
    }

    mutating func form() throws(GrammarError) -> NormalForm {
        guard let schema = place.value.object else {
            throw GrammarError(
                .malformed, at: place.pointer,
                "a schema must be an object or a boolean, not \(place.value.kind)")
        }
        try refuseUnsupported(schema)
        // Before 2019-09 a reference stands alone.
        if let reference = schema["$ref"]?.string, draft <= .seven { return try target(reference) }
        result = try TypedKeywords(reader: self, schema: schema).form()
        if let values = schema["enum"] {
            guard let values = values.array else { throw malformed("enum", "must be an array") }
            try meet(try forms.literalForm(values))
        }
        if let value = schema["const"], draft > .four { try meet(try forms.literalForm([value])) }
        if let reference = schema["$ref"]?.string { try meet(try target(reference)) }
        for part in try list("allOf", schema) { try meet(try forms.form(part)) }
        if schema["anyOf"] != nil {
            var any = NormalForm.none
            for part in try list("anyOf", schema) {
                any = any.union(try forms.intersection(result, forms.form(part)))
            }
            result = any
        }
        if schema["oneOf"] != nil { try readOneOf(try list("oneOf", schema)) }
        if let part = try child("not", schema) { try meet(try forms.form(forms.complement(part))) }
        try readCondition(schema)
        try readDependencies(schema)
        return result
    }

    private mutating func meet(_ form: NormalForm) throws(GrammarError) {
        result = try forms.intersection(result, form)
    }

    private func target(_ reference: String) throws(GrammarError) -> NormalForm {
        try forms.form(forms.expression(try forms.document.target(of: reference, from: place)))
    }

    func child(_ keyword: String, _ schema: JSONObject) throws(GrammarError) -> ExpressionID? {
        guard schema[keyword] != nil, let member = forms.document.member(of: place, [keyword]) else {
            return nil
        }
        return forms.expression(member)
    }

    func list(_ keyword: String, _ schema: JSONObject) throws(GrammarError) -> [ExpressionID] {
        guard let value = schema[keyword] else { return [] }
        guard let items = value.array else { throw malformed(keyword, "must be an array") }
        return items.indices.compactMap { index in
            forms.document.member(of: place, [keyword, String(index)]).map { forms.expression($0) }
        }
    }

    private func refuseUnsupported(_ schema: JSONObject) throws(GrammarError) {
        for keyword in ["$dynamicRef", "$recursiveRef"] where schema[keyword] != nil {
            throw unsupported(keyword)
        }
        for keyword in ["unevaluatedProperties", "unevaluatedItems"] {
            guard let value = schema[keyword], value != true, value.object?.isEmpty != true else { continue }
            throw unsupported(keyword)
        }
        if let reference = schema["$ref"], reference.string == nil {
            throw malformed("$ref", "must be a string")
        }
    }

    // MARK: Combinations

    /// Exactly one of the parts holds. Parts that exclude each other need no complement.
    private mutating func readOneOf(_ parts: [ExpressionID]) throws(GrammarError) {
        var branches: [NormalForm] = []
        for part in parts { branches.append(try forms.intersection(result, forms.form(part))) }
        var total = NormalForm.none
        for (index, branch) in branches.enumerated() {
            var only = branch
            for (other, rival) in branches.enumerated() where other != index && !only.isEmpty {
                if forms.isCertainlyEmpty(try forms.intersection(only, rival)) { continue }
                do {
                    only = try forms.intersection(only, forms.complement(forms.form(parts[other]), at: ""))
                } catch {
                    guard !forms.isStrict else {
                        throw GrammarError(
                            error.code, at: "\(place.pointer)/oneOf",
                            "oneOf with alternatives that overlap (\(error.reason)) is not supported")
                    }
                    forms.warn("oneOf at \(place.pointer)/oneOf was enforced as anyOf: \(error.reason)")
                }
            }
            total = total.union(only)
        }
        result = total
    }

    private mutating func readCondition(_ schema: JSONObject) throws(GrammarError) {
        guard draft >= .seven, let condition = try child("if", schema) else { return }
        let then = try child("then", schema) ?? ExpressionTable.anything
        let otherwise = try child("else", schema) ?? ExpressionTable.anything
        guard then != ExpressionTable.anything || otherwise != ExpressionTable.anything else { return }
        let yes = try forms.intersection(result, forms.form(forms.expressions.conjunction(condition, then)))
        let no = try forms.intersection(
            result, forms.form(forms.expressions.conjunction(forms.complement(condition), otherwise)))
        result = yes.union(no)
    }

    private mutating func readDependencies(_ schema: JSONObject) throws(GrammarError) {
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            guard let value = schema[keyword] else { continue }
            guard let object = value.object else { throw malformed(keyword, "must be an object") }
            for member in object.members {
                let absent = ObjectShape.Layer(
                    properties: [.init(key: member.key, value: ExpressionTable.nothing)])
                var without = NormalForm.all
                without.objects = [ObjectShape(layers: [absent])]
                var with = NormalForm.none
                with.objects = [ObjectShape(required: [member.key])]
                if let keys = member.value.array {
                    with.objects[0].required += keys.compactMap(\.string).filter { $0 != member.key }
                } else if let key = member.value.string, draft == .four {
                    with.objects[0].required.append(key)
                } else if let target = forms.document.member(of: place, [keyword, member.key]) {
                    with = try forms.intersection(with, forms.form(forms.expression(target)))
                }
                try meet(without.union(with))
            }
        }
    }
}
