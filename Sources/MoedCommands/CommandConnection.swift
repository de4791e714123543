import MoedClient

/// A reason for which a command could not do its work: exit code 1.
package struct CommandError: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}

/// A connection for the time of one command.
enum CommandConnection {
    static func with<R: Sendable>(
        _ conninfo: String, _ body: (JobClient) async throws -> R
    ) async throws -> R {
        let client = try await JobClient.connect(conninfo: conninfo)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}
