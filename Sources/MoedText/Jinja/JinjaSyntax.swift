/// A parsed template.
struct JinjaProgram: Sendable {
    var body: [JinjaStatement]
    /// Macros in the order of their definition; a macro value is an index into them.
    var macros: [JinjaMacro]
}

struct JinjaMacro: Sendable {
    struct Parameter: Sendable {
        var name: String
        var fallback: JinjaExpression?
    }

    var name: String
    var parameters: [Parameter]
    var body: [JinjaStatement]
}

struct JinjaStatement: Sendable {
    indirect enum Kind: Sendable {
        case text(String)
        case print(JinjaExpression)
        case assign(JinjaTarget, JinjaExpression)
        /// `{% set x %}…{% endset %}` with its filters.
        case capture(JinjaTarget, [JinjaFilterCall], [JinjaStatement])
        case loop(JinjaForLoop)
        /// `if`, every `elif` and (without condition) `else`.
        case branches([(condition: JinjaExpression?, body: [JinjaStatement])])
        /// `{% with a = 1 %}`; also `generation`, which only marks text for training and gets a scope.
        case scope([(JinjaTarget, JinjaExpression)], [JinjaStatement])
        case filtered([JinjaFilterCall], [JinjaStatement])
        case define(macro: Int)
        case leave
        case proceed
    }

    var kind: Kind
    var line: Int
}

struct JinjaForLoop: Sendable {
    var target: JinjaTarget
    var iterable: JinjaExpression
    var condition: JinjaExpression?
    var body: [JinjaStatement]
    var otherwise: [JinjaStatement]
}

/// Target of `set`, `for` and `with`.
indirect enum JinjaTarget: Sendable {
    case name(String)
    /// `ns.attribute`
    case member(String, String)
    case tuple([JinjaTarget])
}

struct JinjaExpression: Sendable {
    indirect enum Kind: Sendable {
        case constant(JinjaValue)
        case name(String)
        case list([JinjaExpression])
        case tuple([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        case attribute(JinjaExpression, String)
        case item(JinjaExpression, JinjaExpression)
        case slice(JinjaExpression, JinjaExpression?, JinjaExpression?, JinjaExpression?)
        case call(JinjaExpression, JinjaCallSyntax)
        case filter(JinjaExpression, JinjaFilterCall)
        case test(JinjaExpression, JinjaTest, JinjaCallSyntax)
        case not(JinjaExpression)
        case negative(JinjaExpression)
        case positive(JinjaExpression)
        case arithmetic(JinjaArithmetic, JinjaExpression, JinjaExpression)
        case concatenation([JinjaExpression])
        case comparison(JinjaExpression, [(JinjaComparison, JinjaExpression)])
        case and(JinjaExpression, JinjaExpression)
        case or(JinjaExpression, JinjaExpression)
        case conditional(JinjaExpression, JinjaExpression, otherwise: JinjaExpression?)
    }

    var kind: Kind
    var line: Int
    /// Levels of expressions below and including this one: bounds the stack that evaluation and release use.
    var depth: Int
}

extension JinjaExpression {
    var isLiteral: Bool { if case .constant = kind { true } else { false } }

    /// The value depends on no variable. Filters and calls count as variables.
    var isConstant: Bool {
        switch kind {
        case .constant: true
        case .negative(let operand), .positive(let operand), .not(let operand): operand.isConstant
        case .arithmetic(_, let left, let right), .and(let left, let right), .or(let left, let right):
            left.isConstant && right.isConstant
        case .comparison(let first, let rest): first.isConstant && rest.allSatisfy { $0.1.isConstant }
        case .conditional(let condition, let value, let otherwise):
            condition.isConstant && value.isConstant && otherwise?.isConstant != false
        default: false
        }
    }
}

struct JinjaCallSyntax: Sendable {
    var positional: [JinjaExpression] = []
    var named: [(name: String, value: JinjaExpression)] = []

    var depth: Int { (positional + named.map(\.value)).map(\.depth).max() ?? 0 }
}

struct JinjaFilterCall: Sendable {
    var filter: JinjaFilter
    var arguments: JinjaCallSyntax
}

enum JinjaArithmetic: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
}

enum JinjaComparison: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
    case notContained = "not in"
}

/// The filters this interpreter has, by their names in templates.
enum JinjaFilter: String, Sendable {
    case abs, attr, capitalize, count, d, `default`, dictsort, first, float, indent, int, items, join, last,
        length
    case list, lower, map, max, min, reject, rejectattr, replace, reverse, safe, select, selectattr, sort,
        string
    case sum, title, tojson, trim, unique, upper
}

/// The tests (`x is …`) this interpreter has, by their names in templates.
enum JinjaTest: String, Sendable {
    case boolean, callable, defined, divisibleby, eq, equalto, even, `false`, float, ge, greaterthan, gt,
        `in`, integer
    case iterable, le, lessthan, lower, lt, mapping, ne, none, number, odd, sameas, sequence, string, `true`
    case undefined, upper
    case equalSign = "=="
    case unequalSign = "!="
    case lessSign = "<"
    case lessOrEqualSign = "<="
    case greaterSign = ">"
    case greaterOrEqualSign = ">="
    /// True when a filter or test of that name exists.
    case filter, test
}
