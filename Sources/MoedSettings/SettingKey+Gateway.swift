/// Keys of `moed serve`.
extension SettingKey {
    package static let gatewayListen = SettingKey(
        "gateway.listen", "127.0.0.1:8080",
        """
        Address of the HTTP API: `127.0.0.1:8080`, `[::1]:8080` or the absolute path of a Unix socket. There is no \
        TLS: a reverse proxy before it has that.
        """)
    package static let gatewayDatabase = SettingKey(
        "gateway.database", "", example: .suggested("\"host=/run/postgresql dbname=work user=moed_serve\""),
        """
        Connection string of the gateway, whose role is a member of `moed_gateway`. Empty: database.url.
        """)
    package static let gatewayConnections = SettingKey(
        "gateway.connections", "8", "Maximum number of connections to the database.")
    package static let gatewayClients = SettingKey(
        "gateway.clients", "10000",
        "Maximum number of open HTTP connections. Further ones wait to be accepted.")
    package static let gatewayFileBytes = SettingKey(
        "gateway.file_bytes", "200000000", "Maximum size of an uploaded file in bytes.")
    package static let gatewayFileLines = SettingKey(
        "gateway.file_lines", "50000", "Maximum number of lines of an uploaded file that are not empty.")
    package static let gatewayBodyBytes = SettingKey(
        "gateway.body_bytes", "4194304", "Maximum size of any other request's body in bytes.")
    package static let gatewayChatWaiting = SettingKey(
        "gateway.chat_waiting", "256",
        """
        Maximum number of direct requests (`/v1/chat/completions`) that wait for their answers. Further ones get \
        status 429.
        """)
    package static let gatewayChatTime = SettingKey(
        "gateway.chat_time", "10m",
        "Time in which a direct request must end. Then its job fails with the code expired.")
    package static let gatewayChatPriority = SettingKey(
        "gateway.chat_priority", "1000", "Priority of the jobs of direct requests. Batches have 0.")

    package static let frontListen = SettingKey(
        "front.listen", "", example: .suggested("127.0.0.1:8081"),
        """
        Address of the page that shows workers, queue, batches and failures: `127.0.0.1:8081`, `[::1]:8081` or the \
        absolute path of a Unix socket. Empty: none. `moed serve` shows it. Reading asks for no password.
        """)
    package static let frontDatabase = SettingKey(
        "front.database", "", example: .suggested("\"host=/run/postgresql dbname=work user=moed_page\""),
        """
        Connection string of the page, whose role is a member of `moed_reader`. Empty: database.url.
        """)

    static let gateway: [SettingKey] = [
        gatewayListen, gatewayDatabase, gatewayConnections, gatewayClients, gatewayFileBytes,
        gatewayFileLines,
        gatewayBodyBytes, gatewayChatWaiting, gatewayChatTime, gatewayChatPriority, frontListen, frontDatabase,
    ]
}
