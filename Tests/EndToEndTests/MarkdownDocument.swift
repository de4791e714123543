import Foundation
import TestSupport
import Testing

/// One Markdown file of the project: its fenced blocks and its prose.
struct MarkdownDocument: Sendable, CustomTestStringConvertible {
    /// A fenced block. The words after the language determine its use in a test.
    struct Block: Sendable {
        enum Use: Sendable, Equatable {
            /// ```` ```sh ```` and ```` ```sql ````: it runs and must succeed.
            case run
            /// ```` ```yaml file: NAME ````: it is written to the commands' working folder.
            case file(String)
            /// ```` ```text output ````: standard output of the block before.
            case output
            /// ```` ```text ````: nothing to run.
            case shown
            /// ```` ```sh not-run: REASON ````
            case notRun(reason: String)
            case unclear
        }

        /// Number of its first line, from 1.
        var line: Int
        var language: String
        var use: Use
        var text: String
    }

    /// From the root of the checkout.
    let path: String
    let lineCount: Int
    let blocks: [Block]
    /// Lines outside of blocks, with their numbers.
    let prose: [(number: Int, text: String)]

    var testDescription: String { path }

    /// README, `docs/` and `Benchmarks/`.
    static let all: [MarkdownDocument] = {
        var paths = ["README.md"]
        for folder in ["docs", "Benchmarks"] {
            let url = Fixtures.packageRoot.appending(path: folder)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
            paths += names.sorted().filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
        }
        return paths.compactMap { path in
            guard
                let text = try? String(
                    contentsOf: Fixtures.packageRoot.appending(path: path), encoding: .utf8)
            else { return nil }
            return MarkdownDocument(path: path, text: text)
        }
    }()

    init(path: String, text: String) {
        var blocks: [Block] = []
        var prose: [(number: Int, text: String)] = []
        var open: Block?
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        for (index, line) in lines.enumerated() {
            if var block = open {
                if line == "```" {
                    blocks.append(block)
                    open = nil
                } else {
                    block.text += line + "\n"
                    open = block
                }
            } else if line.hasPrefix("```") {
                open = Self.opening(line.dropFirst(3), line: index + 2)
            } else {
                prose.append((index + 1, String(line)))
            }
        }
        if var block = open {
            block.use = .unclear
            blocks.append(block)
        }
        (self.path, self.blocks, self.prose, lineCount) = (path, blocks, prose, lines.count)
    }

    private static func opening(_ info: Substring, line: Int) -> Block {
        let language = String(info.prefix { $0 != " " })
        let rest = info.dropFirst(language.count).trimmingCharacters(in: .whitespaces)
        func argument(_ word: String) -> String? {
            guard rest.hasPrefix(word) else { return nil }
            let value = rest.dropFirst(word.count).trimmingCharacters(in: .whitespaces)
            return value.isEmpty ? nil : value
        }
        let use: Block.Use =
            if let reason = argument("not-run:") {
                .notRun(reason: reason)
            } else if let name = argument("file:") {
                .file(name)
            } else if language == "text" {
                rest.isEmpty ? .shown : rest == "output" ? .output : .unclear
            } else {
                ["sh", "sql"].contains(language) && rest.isEmpty ? .run : .unclear
            }
        return Block(line: line, language: language, use: use, text: "")
    }

    /// Sentences of paragraphs and list items, with the number of the line that each begins in.
    ///
    /// Code spans and links count as one word. Tables and headings have no sentences.
    var sentences: [(number: Int, words: [Substring])] {
        var result: [(number: Int, words: [Substring])] = []
        var paragraph = ""
        var start = 0
        func close() {
            let text = paragraph.replacing(#/`[^`]*`/#, with: "code").replacing(#/\]\([^)]*\)/#, with: "]")
            for sentence in text.split(separator: #/[.:;!?][*)”"]*\s/#) {
                result.append((start, sentence.split(whereSeparator: \.isWhitespace)))
            }
            paragraph = ""
        }
        for (number, line) in prose {
            let text = line.trimmingCharacters(in: .whitespaces)
            let isItem = text.hasPrefix("- ") || text.contains(#/^[0-9]+\. /#)
            if text.isEmpty || isItem || text.hasPrefix("|") || text.hasPrefix("#") { close() }
            if text.hasPrefix("|") || text.hasPrefix("#") { continue }
            if paragraph.isEmpty { start = number }
            paragraph += (isItem ? text.drop { $0 != " " } : text[...]) + "\n"
        }
        close()
        return result
    }

    /// Targets of links to files of the checkout, as paths from its root.
    var linkedFiles: [String] {
        let folder = URL(filePath: "/\(path)").deletingLastPathComponent()
        return prose.flatMap { $0.text.matches(of: #/\]\(([^)#]+)(#[^)]*)?\)/#) }.compactMap { match in
            let target = String(match.1)
            guard !target.contains("://") else { return nil }
            return String(folder.appending(path: target).standardizedFileURL.path.dropFirst())
        }
    }
}
