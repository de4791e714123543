import MoedClient
import MoedCore
import MoedHost

/// `moed top`.
package enum LiveCommands {
    /// Rows of a table that fit a screen with all tables.
    private static let rowsMax = 8
    /// Cursor to the first place, and the rest of the screen empty.
    private static let clear = "\u{1B}[H\u{1B}[J"

    /// Shows the status again and again. Where standard output is no terminal, it shows one screen.
    ///
    /// - Parameter screens: number of screens; nil goes on until a signal.
    package static func top(conninfo: String, every interval: Duration, screens: Int?, asJSON: Bool) async throws {
        let isLive = Host.isTerminal(1)
        let count = screens ?? (isLive ? Int.max : 1)
        try await CommandConnection.with(conninfo) { client in
            for place in 0..<count {
                if place > 0 { try await Task.sleep(for: interval) }
                let report = try await StatusReport(client)
                if asJSON {
                    print(report.object.serialized())
                } else {
                    print((isLive ? clear : "") + report.text(rowsMax: isLive ? rowsMax : nil), terminator: "")
                }
                Host.flushOutput()
            }
        }
    }
}
