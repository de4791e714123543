import ArgumentParser
import MoedGateway
import MoedHost

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve OpenAI's API over the queue.",
        discussion: """
            Clients of OpenAI's API upload files, make batches of them, poll and download the answers, or ask for one \
            answer and wait for it. This process has no model: workers (`moed run`) do the jobs. Several may serve \
            one database. Files and batches are in the database, so nothing is lost when it is stopped or killed.

            Its database role must be a member of moed_gateway; docs/security.md says how to make it. Clients need a \
            key: `moed key create`.

            Examples:
              moed serve --config /etc/moed/moed.yaml
              moed serve --database "dbname=work user=moed_serve" --set gateway.listen=127.0.0.1:8080

              curl -H "Authorization: Bearer $KEY" -F purpose=batch -F file=@in.jsonl http://127.0.0.1:8080/v1/files
            """)

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await CommandExit.translate {
            try await Gateway.run(try settings.sources(), environment: Host.environment)
        }
    }
}
