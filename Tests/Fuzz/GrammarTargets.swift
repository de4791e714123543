import MoedAutomata
import MoedCore
import MoedGrammar

/// A grammar in GBNF or, behind a slash, a regular expression. Its own first text is accepted.
func fuzzGrammar(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let isRegex = text.hasPrefix("/")
    guard bytes.count < 2_000,
        let grammar = isRegex
            ? try? CompiledGrammar(regex: String(text.dropFirst())) : try? CompiledGrammar(gbnf: text)
    else { return }
    let acceptor = TextAcceptor(grammar)
    guard let shortest = acceptor.shortestText(bytesMax: 1_000) else { return }
    check(acceptor.accepts(shortest), "the short way “\(String(decoding: shortest, as: UTF8.self))” leads nowhere")
    check(String(validating: shortest, as: UTF8.self) != nil, "the short way is no UTF-8")
}
