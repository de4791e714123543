package import Logging
package import MoedCore
package import MoedFront
package import MoedOpenAI
package import MoedSettings
import MoedSystemd

/// The gateway's part of the configuration, complete and checked.
package struct GatewaySettings: Sendable, Equatable {
    package var address: StatusAddress
    package var conninfo: String
    /// Address of the page; nil for none.
    package var pageAddress: StatusAddress?
    package var pageConninfo: String
    package var connections: Int
    package var clients: Int
    package var file: UploadForm.Limits
    package var bodyBytes: Int
    package var chatWaiting: Int
    package var chatTime: Duration
    package var chatPriority: Int
    package var logLevel: Logger.Level
    /// A value of `LogDestination.formats`.
    package var logFormat: String

    /// Checks every value and collects all problems.
    package static func read(_ sources: SettingSources) -> Result<GatewaySettings, ConfigurationProblems> {
        var reader = SettingReader(sources)
        let text = reader.text(.gatewayListen)
        let address = StatusAddress(text)
        if address == nil {
            reader.report(
                .gatewayListen, "must be like 127.0.0.1:8080, [::1]:8080 or an absolute path", not: text)
        }
        let page = reader.text(.frontListen)
        let pageAddress = StatusAddress(page)
        if !page.isEmpty, pageAddress == nil {
            reader.report(
                .frontListen, "must be like 127.0.0.1:8081, [::1]:8081 or an absolute path", not: page)
        }
        let pageOwn = reader.text(.frontDatabase)
        let own = reader.text(.gatewayDatabase)
        let settings = GatewaySettings(
            address: address ?? .unix("/"), conninfo: own.isEmpty ? sources.conninfo : own,
            pageAddress: pageAddress, pageConninfo: pageOwn.isEmpty ? sources.conninfo : pageOwn,
            connections: reader.integer(.gatewayConnections, in: 2...256),
            clients: reader.integer(.gatewayClients, in: 1...1_000_000),
            file: .init(
                bytes: reader.integer(.gatewayFileBytes, in: 1...1_000_000_000_000),
                lines: reader.integer(.gatewayFileLines, in: 1...2_000_000_000)),
            bodyBytes: reader.integer(.gatewayBodyBytes, in: 1024...1_000_000_000),
            chatWaiting: reader.integer(.gatewayChatWaiting, in: 0...100_000),
            chatTime: reader.duration(.gatewayChatTime, in: .seconds(1) ... .seconds(86_400)),
            chatPriority: reader.integer(.gatewayChatPriority, in: -32_767...32_767),
            logLevel: Logger.Level(
                rawValue: reader.choice(.logLevel, of: Logger.Level.allCases.map(\.rawValue))) ?? .info,
            logFormat: reader.choice(.logFormat, of: LogDestination.formats))
        guard reader.problems.isEmpty else { return .failure(ConfigurationProblems(reader.problems)) }
        return .success(settings)
    }
}
