#if HTTP
import HummingbirdCore
import Logging
import MoedClient
import MoedCore
import MoedFront
import MoedHost
import MoedOpenAI
import MoedPostgres
package import MoedSettings
import MoedSystemd
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// `moed serve`: OpenAI's API over the queue. It has no model, and reads and writes only by the gateway's functions.
package enum Gateway {
    /// Serves until a signal stops it.
    ///
    /// - Throws: `ConfigurationProblems` for problems that an administrator must fix.
    package static func run(_ sources: SettingSources, environment: [String: String]) async throws {
        let settings = try GatewaySettings.read(sources).get()
        Host.ignoreBrokenPipes()
        Host.ignoreHangUps()
        Host.leaveAtOnceWhenStopped(isInterruption: false)
        let supervision = SupervisionEnvironment(environment)
        let destination = LogDestination(supervision, format: settings.logFormat)
        let log = destination.logger("moed-serve", LogThreshold(settings.logLevel))
        let notifier = try ServiceNotifier(socket: supervision.notifySocket)
        for warning in sources.warnings { log.warning("\(warning)") }
        let connection = ConnectionSettings(conninfo: settings.conninfo, applicationName: "moed serve")
        let store = GatewayStore(ConnectionPool(connection, size: settings.connections, waitingMax: 1024))
        try await check(store, log)
        let chats = ChatDesk(store, waitingMax: settings.chatWaiting, log: log)
        let imports = ImportService(store, log: log)
        let metrics = GatewayMetrics()
        let responder = Responder(
            store: store, chats: chats, imports: imports, settings: settings, metrics: metrics, log: log)
        let server = Server(
            childChannelSetup: HTTP1Channel(
                responder: { request, writer, _ in try await responder.respond(to: request, writer) },
                configuration: channel(settings)),
            configuration: ServerConfiguration(
                address: settings.address.bindAddress,
                availableConnectionsDelegate: MaximumAvailableConnections(settings.clients, logger: log)),
            onServerRunning: { _ in
                log.notice("moed \(Version.text) serves http://\(settings.address)/v1")
                notifier.send(.ready, .status("Serving"))
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: log.onlyErrors)
        // Services stop in reverse order: waiting requests end before the server waits for its connections.
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup),
            .init(service: imports), .init(service: chats),
        ]
        if let page = page(settings, store, metrics, log) { services.append(.init(service: page)) }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: log.onlyErrors))
        do { try await group.run() } catch let error as IOError {
            throw ConfigurationProblem("gateway.listen: \(settings.address): \(error)")
        }
        log.notice("stopped")
    }

    /// The server of the page; nil where the configuration has no address for it.
    private static func page(
        _ settings: GatewaySettings, _ store: GatewayStore, _ metrics: GatewayMetrics, _ log: Logger
    ) -> (any Service)? {
        guard let address = settings.pageAddress else { return nil }
        let connection = ConnectionSettings(conninfo: settings.pageConninfo, applicationName: "moed page")
        let pool = ConnectionPool(connection, size: 4, waitingMax: 64)
        let responder = PageResponder(reports: ReportPool(pool), store: store, metrics: metrics, log: log)
        return Server(
            childChannelSetup: HTTP1Channel(
                responder: { request, writer, _ in try await responder.respond(to: request, writer) },
                configuration: channel(settings)),
            configuration: ServerConfiguration(
                address: address.bindAddress,
                availableConnectionsDelegate: MaximumAvailableConnections(256, logger: log)),
            onServerRunning: { _ in log.notice("the page is at http://\(address)/") },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: log.onlyErrors)
    }

    /// Limits of a connection: headers of a few kilobytes, and no idle client for longer than proxies keep theirs.
    private static func channel(_ settings: GatewaySettings) -> HTTP1Channel.Configuration {
        let silence = TimeAmount.seconds(settings.chatTime.components.seconds + 60)
        return .init(
            additionalChannelHandlers: [
                IdleStateHandler(allTimeout: silence), StalledConnectionHandler(),
            ],
            idleTimeout: .seconds(75),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))
    }

    /// Waits for the database, and checks that the functions are there for the gateway's role.
    private static func check(_ store: GatewayStore, _ log: Logger) async throws {
        var pause = Duration.milliseconds(100)
        while true {
            do throws(APIError) {
                _ = try await store.importStep()
                return
            } catch {
                guard error.status == 503 else {
                    throw ConfigurationProblem(
                        "the database does not let the gateway in: \(error.message). Its role must be a member of "
                            + "moed_gateway, and `moed migrate --roles` of this version must have run")
                }
                log.warning("waiting for the database")
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(5))
        }
    }
}

extension StatusAddress {
    fileprivate var bindAddress: BindAddress {
        switch self {
        case .ip4(let host, let port), .ip6(let host, let port): .hostname(host, port: Int(port))
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }
}
#endif
