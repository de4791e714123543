import Foundation
import TestSupport
import Testing

/// One text file of the checkout.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// From the root of the checkout, e.g. `Sources/MoedCore/Usage.swift`.
    let path: String
    let lines: [Substring]

    /// `MoedCore` of `Sources/MoedCore/Usage.swift`.
    var target: String { String(path.split(separator: "/").dropFirst().first ?? "") }

    var testDescription: String { path }

    /// The lines without comments and the insides of string literals: what the compiler reads as code.
    ///
    /// Good for looking for words; it keeps one line per line.
    var code: [String] {
        var inBlockComment = false
        var inLongString = false
        return lines.map { line in
            var code = ""
            var rest = line
            var inString = false
            while let character = rest.first {
                if inBlockComment {
                    if rest.hasPrefix("*/") {
                        inBlockComment = false
                        rest = rest.dropFirst()
                    }
                } else if rest.hasPrefix("\"\"\"") {
                    inLongString.toggle()
                    rest = rest.dropFirst(2)
                } else if inLongString {
                    // Text: nothing to keep.
                } else if inString {
                    if character == "\\" {
                        rest = rest.dropFirst()
                    } else if character == "\"" {
                        inString = false
                    }
                } else if rest.hasPrefix("//") {
                    break
                } else if rest.hasPrefix("/*") {
                    inBlockComment = true
                    rest = rest.dropFirst()
                } else if character == "\"" {
                    inString = true
                } else {
                    code.append(character)
                }
                rest = rest.dropFirst()
            }
            return code
        }
    }
}

/// The files of this checkout that people write.
enum SourceTree {
    static let sources = files(under: "Sources")
    static let swiftSources = sources.filter { $0.path.hasSuffix(".swift") }
    static let tests = files(under: "Tests")
    static let everything =
        sources + tests + files(under: "sql") + files(under: "systemd") + files(under: ".ci")
        + files(under: "Benchmarks") + files(under: "docs")

    static let sqlNames = names(under: "sql")

    /// Names of the files right under a folder; empty when it is not there.
    private static func names(under folder: String) -> [String] {
        let url = Fixtures.packageRoot.appending(path: folder)
        return (try? FileManager.default.contentsOfDirectory(atPath: url.path).sorted()) ?? []
    }

    /// The text files under a folder, sorted by path. Data (`Tests/Fixtures`) and symbolic links are left out.
    private static func files(under folder: String) -> [SourceFile] {
        let root = Fixtures.packageRoot
        let kinds = [
            ".swift", ".c", ".h", ".modulemap", ".sql", ".sh", ".md", ".service", ".conf", ".yaml",
            ".example",
        ]
        let base = root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
        var files: [SourceFile] = []
        for case let name as String in walk {
            let path = "\(folder)/\(name)"
            guard !path.hasPrefix("Tests/Fixtures/"),
                kinds.contains(where: path.hasSuffix) || !name.contains("."),
                walk.fileAttributes?[.type] as? FileAttributeType == .typeRegular,
                let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
            else { continue }
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last == "" { lines.removeLast() }
            files.append(SourceFile(path: path, lines: lines))
        }
        return files.sorted { $0.path < $1.path }
    }
}
