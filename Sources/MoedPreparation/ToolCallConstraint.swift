import MoedCore
import MoedGrammar

/// Constrains an answer to tool calls in the Hermes form: `<tool_call>`, the name, arguments by the tool's schema,
/// `</tool_call>`.
///
/// Fixed tokens stand between grammars: one for the head with the name, and one for each tool's arguments.
struct ToolCallConstraint: TokenConstraint {
    /// Parts that all places share.
    struct Form: Sendable {
        /// Tokens in front of the head.
        var opening: [TokenID]
        /// Tokens behind the arguments.
        var closing: [TokenID]
        /// Tokens between two calls.
        var separator: [TokenID]
        var heads: GrammarConstraint
        /// Text of each tool's head.
        var headTexts: [[UInt8]]
        /// Arguments of each tool.
        var arguments: [GrammarConstraint]
        var endIDs: Set<TokenID>
        /// Tokens of line feeds alone, with their number.
        var lineFeeds: [TokenID: Int]
        var callsMax: Int
        var vocabularySize: Int
        var bytes: @Sendable (TokenID) -> [UInt8]

        /// Tokens for which a call of any tool has room.
        var shortest: Int { opening.count + heads.distanceToEnd + afterHead }
        var afterHead: Int { (arguments.map(\.distanceToEnd).max() ?? 0) + closing.count }
    }

    private enum Place {
        /// Before the token at an index of fixed tokens.
        case opening([TokenID], Int)
        case head(GrammarConstraint, [UInt8])
        case arguments(GrammarConstraint)
        case closing(Int)
        case between
        case ended
    }

    private let form: Form
    private var place: Place
    private var calls = 0
    /// Line feeds that may come in front of the first call.
    private var leading: Int

    init(_ form: Form, leadingLineFeeds: Int) {
        self.form = form
        place = .opening(form.opening, 0)
        leading = leadingLineFeeds
    }

    func mask(room: Int) -> TokenMask {
        var mask = TokenMask(count: form.vocabularySize)
        switch place {
        case .opening(let tokens, let index):
            mask.insert(tokens[index])
            guard index == 0, calls == 0 else { break }
            for (id, count) in form.lineFeeds where count <= leading && distanceToEnd <= room - 2 { mask.insert(id) }
        case .head(let grammar, _):
            mask = grammar.mask(room: room - form.afterHead)
        case .arguments(let grammar):
            mask = grammar.mask(room: room - form.closing.count)
            guard grammar.isComplete else { break }
            for id in form.endIDs { mask.remove(id) }
            mask.insert(form.closing[0])
        case .closing(let index): mask.insert(form.closing[index])
        case .between, .ended:
            for id in form.endIDs { mask.insert(id) }
            if case .between = place, calls < form.callsMax, form.separator.count + form.shortest < room {
                mask.insert(form.separator[0])
            }
        }
        return mask
    }

    mutating func accept(_ token: TokenID) {
        switch place {
        case .opening(let tokens, let index):
            if token == tokens[index] {
                place = index + 1 < tokens.count ? .opening(tokens, index + 1) : .head(form.heads, [])
            } else if index == 0, calls == 0, let count = form.lineFeeds[token], count <= leading {
                leading -= count
            } else {
                place = .ended
            }
        case .head(var grammar, let text):
            grammar.accept(token)
            let text = text + form.bytes(token)
            place = .head(grammar, text)
            if let tool = form.headTexts.firstIndex(of: text) { place = .arguments(form.arguments[tool]) }
        case .arguments(var grammar):
            if grammar.isComplete, token == form.closing[0] {
                close(1)
            } else {
                grammar.accept(token)
                place = .arguments(grammar)
                if grammar.isFinished { place = .closing(0) }
            }
        case .closing(let index):
            if token == form.closing[index] { close(index + 1) } else { place = .ended }
        case .between:
            place =
                token == form.separator[0] && calls < form.callsMax
                ? .opening(form.separator + form.opening, 1) : .ended
        case .ended: break
        }
    }

    private mutating func close(_ index: Int) {
        guard index == form.closing.count else {
            place = .closing(index)
            return
        }
        calls += 1
        place = calls < form.callsMax ? .between : .ended
    }

    var distanceToEnd: Int {
        switch place {
        case .opening(let tokens, let index): tokens.count - index + form.heads.distanceToEnd + form.afterHead
        case .head(let grammar, _): grammar.distanceToEnd + form.afterHead
        case .arguments(let grammar): grammar.distanceToEnd + form.closing.count
        case .closing(let index): form.closing.count - index
        case .between, .ended: 0
        }
    }

    var isComplete: Bool {
        switch place {
        case .between, .ended: true
        default: false
        }
    }

    var isFinished: Bool {
        if case .ended = place { return true }
        return false
    }
}
