import MoedAutomata
import MoedCore

/// Turns schemas into normal forms, with every conjunction of schemas worked out once.
final class SchemaForms {
    /// Limits that hostile schemas meet.
    enum Limit {
        static let alternatives = 400
        static let expressions = 20_000
        static let depth = 160
        /// Combinations of alternatives that one compilation looks at.
        static let work = 400_000
    }

    enum Node {
        case schema(SchemaDocument.Place)
        case literal(JSONValue)
        case complement(ExpressionID)
    }

    let document: SchemaDocument
    let isStrict: Bool
    var expressions = ExpressionTable()
    var texts = DFATable()
    private(set) var nodes: [Node] = []
    private var placeIDs: [String: Int32] = [:]
    private var literalIDs: [String: Int32] = [:]
    private var complementIDs: [ExpressionID: Int32] = [:]
    private var nodeForms: [Int32: NormalForm] = [:]
    private var forms: [ExpressionID: NormalForm] = [0: .all, 1: .none]
    private var formsInWork: Set<Int32> = []
    private var depth = 0
    private var work = 0
    private var emptiness: [ExpressionID: Bool] = [:]
    private(set) var warnings: [String] = []

    init(_ schema: JSONValue, isStrict: Bool) {
        document = SchemaDocument(schema)
        self.isStrict = isStrict
    }

    func warn(_ text: String) { if warnings.count < 20, !warnings.contains(text) { warnings.append(text) } }

    func spend(_ amount: Int, at pointer: String) throws(GrammarError) {
        work += amount
        guard work <= Limit.work else {
            throw GrammarError(.tooLarge, at: pointer, "the schema has too many combinations of alternatives")
        }
    }

    // MARK: Expressions

    func expression(_ place: SchemaDocument.Place) -> ExpressionID {
        switch place.value {
        case .bool(let value): return value ? ExpressionTable.anything : ExpressionTable.nothing
        case .object(let object) where object.isEmpty: return ExpressionTable.anything
        default: break
        }
        if let id = placeIDs[place.pointer] { return expressions.make([id * 2]) }
        let id = Int32(nodes.count)
        placeIDs[place.pointer] = id
        nodes.append(.schema(place))
        return expressions.make([id * 2])
    }

    func expression(literal value: JSONValue) -> ExpressionID {
        let text = value.serialized()
        if let id = literalIDs[text] { return expressions.make([id * 2]) }
        let id = Int32(nodes.count)
        literalIDs[text] = id
        nodes.append(.literal(value))
        return expressions.make([id * 2])
    }

    func complement(_ id: ExpressionID) -> ExpressionID {
        if id == ExpressionTable.anything { return ExpressionTable.nothing }
        if id == ExpressionTable.nothing { return ExpressionTable.anything }
        let atoms = expressions.atoms[Int(id)]
        if atoms.count == 1 { return expressions.make([atoms[0] ^ 1]) }
        if let node = complementIDs[id] { return expressions.make([node * 2]) }
        let node = Int32(nodes.count)
        complementIDs[id] = node
        nodes.append(.complement(id))
        return expressions.make([node * 2])
    }

    // MARK: Normal forms

    func form(_ id: ExpressionID) throws(GrammarError) -> NormalForm {
        if let known = forms[id] { return known }
        guard expressions.count <= Limit.expressions else {
            throw GrammarError(.tooLarge, "the schema has more than \(Limit.expressions) combined subschemas")
        }
        var result = NormalForm.all
        for atom in expressions.atoms[Int(id)] {
            let part = try form(ofNode: atom / 2)
            result = try intersection(result, atom & 1 == 0 ? part : complement(part, at: pointer(atom / 2)))
        }
        forms[id] = result
        return result
    }

    /// Place of the first schema in a conjunction.
    func pointer(of id: ExpressionID) -> String {
        let places = expressions.atoms[Int(id)].map { pointer($0 / 2) }
        return places.first { !$0.isEmpty } ?? "#"
    }

    private func pointer(_ node: Int32) -> String {
        if case .schema(let place) = nodes[Int(node)] { place.pointer } else { "" }
    }

    private func form(ofNode node: Int32) throws(GrammarError) -> NormalForm {
        if let known = nodeForms[node] { return known }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Limit.depth else {
            throw GrammarError(
                .tooLarge, at: pointer(node), "subschemas are nested deeper than \(Limit.depth)")
        }
        guard formsInWork.insert(node).inserted else {
            throw GrammarError(.malformed, at: pointer(node), "$ref leads back to itself without an end")
        }
        defer { formsInWork.remove(node) }
        let result: NormalForm
        switch nodes[Int(node)] {
        case .literal(let value): result = try literalForm([value])
        case .complement(let id): result = try complement(form(id), at: "")
        case .schema(let place):
            do {
                var reader = SchemaReader(forms: self, place: place)
                result = try reader.form()
            } catch {
                throw error.placed(at: place.pointer.isEmpty ? "#" : place.pointer)
            }
        }
        nodeForms[node] = result
        return result
    }

    /// Values equal to one of `values`.
    func literalForm(_ values: [JSONValue]) throws(GrammarError) -> NormalForm {
        var form = NormalForm()
        var strings: [String] = []
        var numbers: [ExactDecimal] = []
        for value in values {
            switch value {
            case .null: form.hasNull = true
            case .bool(let bool): if bool { form.hasTrue = true } else { form.hasFalse = true }
            case .string(let text): strings.append(text)
            case .integer, .wideInteger, .double:
                guard let number = ExactDecimal(value) else {
                    throw GrammarError(
                        .unsupported, "the number \(value.serialized().prefix(40)) is out of range")
                }
                if !numbers.contains(number) { numbers.append(number) }
            case .array(let items):
                let prefix = items.map { expression(literal: $0) }
                let layer = ArrayShape.Layer(prefix: prefix, rest: ExpressionTable.nothing)
                form.arrays.append(ArrayShape(layers: [layer], least: items.count, most: items.count))
            case .object(let object):
                let properties = object.members.map {
                    ObjectShape.Property(key: $0.key, value: expression(literal: $0.value))
                }
                let layer = ObjectShape.Layer(properties: properties, additional: ExpressionTable.nothing)
                form.objects.append(ObjectShape(layers: [layer], required: object.members.map(\.key)))
            }
        }
        if !strings.isEmpty {
            form.strings = [StringShape(dfa: texts.add(DFABuilder.words(strings)), least: 0, most: nil)]
        }
        if !numbers.isEmpty {
            form.numbers = [NumberShape(allowsPointZero: document.draft > .four, values: numbers)]
        }
        return form
    }

    // MARK: Emptiness

    /// True when no value can satisfy the expression; false when one may.
    func isCertainlyEmpty(_ id: ExpressionID, depth: Int = 4) -> Bool {
        if id == ExpressionTable.nothing { return true }
        if id == ExpressionTable.anything || depth == 0 { return false }
        if let known = emptiness[id] { return known }
        // A form that is being worked out, or cannot be, may hold a value.
        guard let form = try? form(id) else { return false }
        let result = isCertainlyEmpty(form, depth: depth - 1)
        if result || depth == 4 { emptiness[id] = result }
        return result
    }

    func isCertainlyEmpty(_ form: NormalForm, depth: Int = 4) -> Bool {
        guard !form.hasNull, !form.hasTrue, !form.hasFalse, form.numbers.isEmpty, form.strings.isEmpty else {
            return false
        }
        return form.arrays.allSatisfy { isCertainlyEmpty($0, depth: depth) }
            && form.objects.allSatisfy { isCertainlyEmpty($0, depth: depth) }
    }

    func isCertainlyEmpty(_ shape: ArrayShape, depth: Int) -> Bool {
        if let most = shape.most, most < shape.least { return true }
        guard shape.least > 0 else { return false }
        let prefix = shape.layers.map(\.prefix.count).max() ?? 0
        return (0..<min(shape.least, prefix + 1)).contains {
            isCertainlyEmpty(item(of: shape, at: $0), depth: depth)
        }
    }

    func isCertainlyEmpty(_ shape: ObjectShape, depth: Int) -> Bool {
        if let most = shape.most, most < max(shape.least, shape.required.count) { return true }
        return shape.required.contains { isCertainlyEmpty(value(of: shape, key: $0), depth: depth) }
    }

    /// Expression of an array's item.
    func item(of shape: ArrayShape, at index: Int) -> ExpressionID {
        var result = ExpressionTable.anything
        for layer in shape.layers {
            result = expressions.conjunction(
                result, index < layer.prefix.count ? layer.prefix[index] : layer.rest)
        }
        return result
    }

    /// Expression of a member's value; `nothing` where the key itself is not allowed by a layer.
    func value(of shape: ObjectShape, key: String) -> ExpressionID {
        var result = ExpressionTable.anything
        for layer in shape.layers {
            var isKnown = false
            for property in layer.properties where property.key.utf8.elementsEqual(key.utf8) {
                result = expressions.conjunction(result, property.value)
                isKnown = true
            }
            for pattern in layer.patterns where texts[pattern.dfa].accepts(key) {
                result = expressions.conjunction(result, pattern.value)
                isKnown = true
            }
            if !isKnown { result = expressions.conjunction(result, layer.additional) }
        }
        return result
    }
}
