package import Foundation
package import MoedCore

extension Fixtures {
    package struct Unreadable: Error { package var reason: String }

    package static func bytes(_ file: URL) throws -> [UInt8] { Array(try Data(contentsOf: file)) }

    /// The objects of a JSON-lines file.
    package static func lines(_ file: URL) throws -> [JSONValue] {
        try bytes(file).split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
    }

    /// The content of a gzip file, unpacked by `gzip`.
    package static func gunzipped(_ file: URL) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.start()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unreadable(reason: "gzip -dc \(file.path) failed") }
        return Array(data)
    }
}
