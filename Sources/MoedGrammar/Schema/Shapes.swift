import MoedAutomata

/// The values that a conjunction of schemas allows, sorted by type. Each list is a disjunction.
struct NormalForm: Hashable, Sendable {
    var hasNull = false
    var hasTrue = false
    var hasFalse = false
    var numbers: [NumberShape] = []
    var strings: [StringShape] = []
    var arrays: [ArrayShape] = []
    var objects: [ObjectShape] = []

    static let none = NormalForm()
    static let all = NormalForm(
        hasNull: true, hasTrue: true, hasFalse: true, numbers: [.any], strings: [.any], arrays: [.any],
        objects: [.any])

    var isEmpty: Bool { self == .none }

    /// Number of alternatives whose combinations may grow.
    var alternativeCount: Int { numbers.count + strings.count + arrays.count + objects.count }

    func union(_ other: NormalForm) -> NormalForm {
        NormalForm(
            hasNull: hasNull || other.hasNull, hasTrue: hasTrue || other.hasTrue,
            hasFalse: hasFalse || other.hasFalse, numbers: Self.joined(numbers, other.numbers, .any),
            strings: Self.joined(strings, other.strings, .any),
            arrays: Self.joined(arrays, other.arrays, .any),
            objects: Self.joined(objects, other.objects, .any))
    }

    private static func joined<Shape: Hashable>(_ left: [Shape], _ right: [Shape], _ any: Shape) -> [Shape] {
        if left.contains(any) || right.contains(any) { return [any] }
        var seen = Set(left)
        return left + right.filter { seen.insert($0).inserted }
    }
}

/// A conjunction of conditions on a string.
struct StringShape: Hashable, Sendable {
    /// Number of the automaton of its text in `DFATable`.
    var dfa: Int32
    /// Length in code points.
    var least: Int
    var most: Int?

    static let any = StringShape(dfa: DFATable.anyText, least: 0, most: nil)
}

/// A conjunction of conditions on an array.
struct ArrayShape: Hashable, Sendable {
    struct Layer: Hashable, Sendable {
        var prefix: [ExpressionID]
        var rest: ExpressionID
    }

    /// Number of items from `from` on that satisfy an expression.
    struct Contained: Hashable, Sendable {
        var item: ExpressionID
        var least: Int
        var most: Int?
        var from: Int
    }

    var layers: [Layer] = []
    var least = 0
    var most: Int?
    var contained: [Contained] = []
    /// True when no two items may be equal.
    var isUnique = false

    static let any = ArrayShape()
}

/// A conjunction of conditions on an object.
struct ObjectShape: Hashable, Sendable {
    struct Property: Hashable, Sendable {
        var key: String
        var value: ExpressionID

        static func == (left: Property, right: Property) -> Bool {
            left.value == right.value && left.key.utf8.elementsEqual(right.key.utf8)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(value)
            hasher.combine(key.utf8.count)
        }
    }

    struct Pattern: Hashable, Sendable {
        var dfa: Int32
        var value: ExpressionID
    }

    struct Layer: Hashable, Sendable {
        var properties: [Property] = []
        var patterns: [Pattern] = []
        var additional: ExpressionID = ExpressionTable.anything
    }

    var layers: [Layer] = []
    var required: [String] = []
    var least = 0
    var most: Int?
    /// Conditions on every key.
    var names: [ExpressionID] = []
    /// At least one key of the automaton's texts has a value of the expression.
    var existing: [Pattern] = []

    static let any = ObjectShape()

    func requires(_ key: String) -> Bool { required.contains { $0.utf8.elementsEqual(key.utf8) } }
}
