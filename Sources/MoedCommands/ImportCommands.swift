package import MoedClient
import MoedCore
import MoedHost
import MoedOpenAI

/// `moed import` and `moed export`.
package enum ImportCommands {
    /// Options of `moed import`.
    package struct Options: Sendable {
        package var path: String
        package var new: JobClient.NewImport
        /// True to import a file that was imported before.
        package var isAgain = false
        package var waits = false
        package var showsProgress = false
        package var asJSON = false

        package init(path: String, new: JobClient.NewImport) {
            self.path = path
            self.new = new
        }
    }

    /// Imports a file in parts, each in a transaction. A second call continues after the last part that was added.
    package static func run(conninfo: String, _ options: Options) async throws {
        var new = options.new
        new.key = try key(options)
        let (request, limits) = (new, UploadForm.Limits(bytes: .max, lines: .max))
        let batch = try await CommandConnection.with(conninfo) { client in
            let begun = try await client.beginImport(request)
            if !begun.isOpen {
                Host.printError(
                    "moed: the file was imported before, as batch \(begun.batch) (--again imports it once more)"
                )
                return begun.batch
            }
            if begun.nextPart > 0 {
                Host.printError("moed: continues batch \(begun.batch) after part \(begun.nextPart)")
            }
            var slicer = LineSlicer(limits)
            var meter = ImportMeter(isShown: options.showsProgress)
            var part = 0
            func add(_ slice: LineSlicer.Slice) async throws {
                if part >= begun.nextPart { try await client.importPart(begun.batch, part, slice.text) }
                part += 1
                meter.add(slice)
            }
            let chunks = try FileChunks(options.path)
            while true {
                let bytes = try chunks.next()
                if bytes.isEmpty { break }
                for slice in try slicer.add(bytes) { try await add(slice) }
            }
            if let slice = try slicer.finish() { try await add(slice) }
            meter.end()
            guard meter.lines > 0 else {
                _ = try await client.cancelBatch(begun.batch)
                throw CommandError("\(options.path) has no lines")
            }
            try await client.endImport(begun.batch)
            return begun.batch
        }
        try await report(conninfo, batch, options)
    }

    /// Key of the batch: what is imported, and how. Standard input cannot be read twice, so each time is another one.
    private static func key(_ options: Options) throws -> String {
        var hash = SHA256()
        if options.path == "-" || options.isAgain {
            hash.add("\(UInt64.random(in: .min ... .max)) \(UInt64.random(in: .min ... .max))".utf8)
        } else {
            let chunks = try FileChunks(options.path)
            while true {
                let bytes = try chunks.next()
                if bytes.isEmpty { break }
                hash.add(bytes)
            }
        }
        let new = options.new
        hash.add("\n\(new.name)\n\(new.model ?? "")\n\(new.reasoning ?? "")\n\(new.priority ?? 0)".utf8)
        if let money = new.moneyMax { hash.add("\n\(money)".utf8) }
        return "moed import \(hash.hexadecimal())"
    }

    /// Prints the batch, and waits for its end where that was asked for.
    private static func report(_ conninfo: String, _ batch: String, _ options: Options) async throws {
        let progress = try await CommandConnection.with(conninfo) { client in
            while true {
                guard let progress = try await client.progress(batch) else {
                    throw CommandError("there is no batch \(batch)")
                }
                if !options.waits || progress.hasEnded { return progress }
                if options.showsProgress {
                    Host.printErrorInPlace(
                        "\(progress.lines - progress.unfinished) of \(progress.lines) jobs have ended")
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
        if options.asJSON {
            let object: JSONValue = [
                "batch": .string(batch), "status": .string(progress.status),
                "lines": .integer(Int64(progress.lines)),
                "completed": .integer(Int64(progress.completed)),
                "line_errors": .integer(Int64(progress.lineErrors)),
            ]
            print(object.serialized())
        } else {
            print(batch)
            Host.printError(
                "moed: \(progress.lines) lines, \(progress.lineErrors) of them at fault; "
                    + "batch \(batch) is \(progress.status)"
            )
        }
    }

    private static let linesPerStatement = 1000

    /// Prints the output of a batch; with `waits` once all of its jobs have ended.
    package static func export(conninfo: String, batch: String, waits: Bool) async throws {
        guard let id = UUIDText(hyphened: batch.lowercased()) else {
            throw CommandError("a batch has an id like 0b9f1d4e-…, not “\(batch)”")
        }
        try await CommandConnection.with(conninfo) { client in
            while waits {
                guard let progress = try await client.progress(batch.lowercased()) else {
                    throw CommandError("there is no batch \(batch)")
                }
                if progress.hasEnded { break }
                try await Task.sleep(for: .seconds(1))
            }
            var line = 0
            while let part = try await client.output(id.compact, after: line, limit: linesPerStatement) {
                for text in part.lines { print(text) }
                line = part.last
            }
        }
    }
}

/// Counts what was imported, and shows it in one line of standard error.
private struct ImportMeter {
    let isShown: Bool
    private(set) var lines = 0
    private var bytes = 0

    init(isShown: Bool) { self.isShown = isShown }

    mutating func add(_ slice: LineSlicer.Slice) {
        lines += slice.lines
        bytes += slice.text.utf8.count
        if isShown { Host.printErrorInPlace("\(HumanText.bytes(bytes)), \(lines) lines") }
    }

    func end() { if isShown { Host.printError("") } }
}
