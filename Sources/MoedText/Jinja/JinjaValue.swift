import MoedCore

/// A value inside a template, with Python's semantics. All of them are values in Swift's sense too: what Python
/// shares by reference and can change (namespaces, generators) lives in the interpreter and is named by its index,
/// so that no template can build a cycle.
enum JinjaValue: Sendable {
    /// A missing variable or attribute. Prints as nothing, but every other use is an error saying what is missing.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    /// The digits of an integer beyond 64 bits. It is printed; nothing is calculated with it.
    case wideInteger(String)
    case float(Double)
    case string(String)
    /// Text that the filter `safe` marked: it can be printed. Jinja2 escapes HTML in all text that is joined to it.
    case safeText(String)
    case list(JinjaSequence)
    case tuple(JinjaSequence)
    case dictionary(JinjaDictionary)
    /// Indirect, so that it does not make every other value larger.
    indirect case view(JinjaView)
    case namespace(Int)
    /// Result of `map`, `select` and similar filters: iterable once, without a length.
    case generator(Int)
    case loop(JinjaLoop)
    case macro(Int)
    case function(JinjaFunction)
    /// A method of a value, not yet called.
    indirect case method(JinjaValue, String)

    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(Int(value))
        case .wideInteger(let digits): self = .wideInteger(digits)
        case .double(let value): self = .float(value)
        case .string(let value): self = .string(value)
        case .array(let values): self = .list(JinjaSequence(values.map { JinjaValue($0) }))
        case .object(let object):
            var dictionary = JinjaDictionary()
            for member in object.members { dictionary.set(member.key, JinjaValue(member.value)) }
            self = .dictionary(dictionary)
        }
    }

    /// Levels of lists and dictionaries inside each other.
    var depth: Int {
        switch self {
        case .list(let items), .tuple(let items): items.depth
        case .dictionary(let members): members.depth
        case .view(let view): view.items.depth
        case .loop(let loop): loop.items.depth
        case .method(let receiver, _): receiver.depth
        default: 0
        }
    }

    /// Kind of the value, for error messages.
    var kind: String {
        switch self {
        case .undefined: "an undefined value"
        case .none: "None"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .wideInteger: "an integer beyond 64 bits"
        case .float: "a float"
        case .string: "a string"
        case .safeText: "text marked as safe"
        case .list: "a list"
        case .tuple: "a tuple"
        case .dictionary: "a dictionary"
        case .view(let view): view.kind
        case .namespace: "a namespace"
        case .generator: "a generator"
        case .loop: "a loop"
        case .macro: "a macro"
        case .function, .method: "a function"
        }
    }

    /// Python's `bool(value)`.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let value), .safeText(let value): !value.isEmpty
        case .view(let view): !view.items.elements.isEmpty
        case .list(let items), .tuple(let items): !items.elements.isEmpty
        case .dictionary(let members): !members.members.isEmpty
        case .wideInteger, .namespace, .generator, .loop, .macro, .function, .method: true
        }
    }

    /// The value as an integer where Python takes one; booleans count as 0 and 1.
    var asInteger: Int? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .integer(let value): value
        default: nil
        }
    }

    /// The value as a number; booleans count as 0 and 1.
    var asNumber: Double? {
        if case .float(let value) = self { value } else { asInteger.map(Double.init) }
    }

    var isNumber: Bool {
        switch self {
        case .bool, .integer, .wideInteger, .float: true
        default: false
        }
    }

    /// Python's `hash(value)` exists.
    var isHashable: Bool {
        switch self {
        case .list, .dictionary: false
        case .tuple(let items): items.elements.allSatisfy(\.isHashable)
        case .view(let view): if case .range = view.source { true } else { false }
        default: true
        }
    }

    var asString: String? { if case .string(let value) = self { value } else { nil } }
}

/// Elements of a list or tuple.
struct JinjaSequence: Sendable {
    let elements: [JinjaValue]
    /// One more than the deepest element's.
    let depth: Int

    init(_ elements: [JinjaValue]) {
        self.elements = elements
        depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// A dictionary in the order of insertion. Keys are strings, as in everything that comes from JSON.
struct JinjaDictionary: Sendable {
    private(set) var members: [(key: String, value: JinjaValue)] = []
    private(set) var depth = 1
    /// Built only for large dictionaries; small ones are searched linearly.
    private var index: [ExactString: Int] = [:]
    private static let linearMembersMax = 12

    private func position(of key: String) -> Int? {
        members.count > Self.linearMembersMax
            ? index[ExactString(key)] : members.firstIndex { $0.key.isIdentical(to: key) }
    }

    subscript(key: String) -> JinjaValue? { position(of: key).map { members[$0].value } }

    mutating func set(_ key: String, _ value: JinjaValue) {
        depth = max(depth, value.depth + 1)
        if let position = position(of: key) {
            members[position].value = value
            return
        }
        members.append((key, value))
        if members.count == Self.linearMembersMax + 1 {
            for (position, member) in members.enumerated() { index[ExactString(member.key)] = position }
        } else if members.count > Self.linearMembersMax {
            index[ExactString(key)] = members.count - 1
        }
    }
}

/// The result of `range(…)` and of a dictionary's `keys()`, `values()` and `items()`: it is gone through like a list
/// and has a length, but prints in its own way.
struct JinjaView: Sendable {
    enum Source: Sendable {
        case range(start: Int, end: Int, step: Int)
        case keys, values, items
    }

    let source: Source
    let items: JinjaSequence

    var kind: String {
        switch source {
        case .range: "a range"
        case .keys: "a dictionary's keys"
        case .values: "a dictionary's values"
        case .items: "a dictionary's items"
        }
    }
}

/// The variable `loop`: a place in a for loop.
struct JinjaLoop: Sendable {
    let items: JinjaSequence
    let index: Int
}

/// Functions that every template can call.
enum JinjaFunction: String, Sendable, CaseIterable {
    case range, namespace, dict
    case raiseException = "raise_exception"
    /// There, so that `is defined` says so; calling it is an error, as a prompt must not depend on the day.
    case strftimeNow = "strftime_now"

    /// Globals of Jinja2 that are not offered here. Their use is an error, as they are not undefined there.
    static let missing: Set<String> = ["cycler", "joiner", "lipsum", "self"]
}
