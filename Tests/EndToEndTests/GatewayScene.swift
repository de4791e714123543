import Foundation
import FoundationNetworking
import Glibc
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A scene with roles, a gateway under its own role, and a key of the tenant `app`.
struct GatewayScene {
    let scene: Scene
    let key: String
    let baseURL: String
    let gateway: MoedDaemonProcess

    /// Python with the official clients, which `.ci/venv` installs; nil where it could not.
    static let python = environment(".build-clients")
    static let missingClients = "no openai client: run .ci/venv, which installs it into .build-clients"

    /// Python with LiteLLM, LangChain and schemathesis, which `.ci/venv` installs; nil where it could not.
    static let frameworks = environment(".build-frameworks")
    static let missingFrameworks = "no LiteLLM: run .ci/venv, which installs it into .build-frameworks"

    private static func environment(_ folder: String) -> URL? {
        let folder = Fixtures.packageRoot.appending(path: folder)
        let mark = folder.appending(path: "has-clients")
        return FileManager.default.fileExists(atPath: mark.path) ? folder.appending(path: "bin/python") : nil
    }

    /// - Parameters:
    ///   - given: scene to use; nil makes one.
    ///   - pageRole: true gives the page a role that reads everything.
    init(_ settings: [String: String] = [:], scene given: Scene? = nil, pageRole: Bool = false) async throws {
        if let given { scene = given } else { scene = try await Scene() }
        var settings = settings
        let database = scene.database
        let migration = try await MoedProgram.run(["migrate", "--roles", "--database", database.conninfo])
        #expect(migration.status == 0, "\(migration.errors)")
        let role = "\(database.name)_gate"
        try await database.run(script: "CREATE ROLE \(role) LOGIN; GRANT moed_gateway TO \(role)")
        if pageRole {
            try await database.run(script: "CREATE ROLE \(database.name)_page LOGIN; GRANT moed_reader TO \(database.name)_page")
            settings["front.database"] = "host=\(database.host) dbname=\(database.name) user=\(database.name)_page"
        }
        key = try await Self.newKey(scene)
        let port = try Self.freePort()
        baseURL = "http://127.0.0.1:\(port)/v1"
        gateway = try Self.start(scene, port: port, settings)
        try await waitUntilHealthy()
    }

    static func newKey(_ scene: Scene, _ options: [String] = []) async throws -> String {
        let created = try await MoedProgram.run(
            ["key", "create", "--tenant", "app", "--database", scene.database.conninfo] + options)
        #expect(created.status == 0, "\(created.errors)")
        return created.output.trimmingCharacters(in: .newlines)
    }

    static func start(_ scene: Scene, port: UInt16, _ settings: [String: String] = [:]) throws -> MoedDaemonProcess {
        let database = scene.database
        let conninfo = "host=\(database.host) dbname=\(database.name) user=\(database.name)_gate"
        return try MoedDaemonProcess(
            ["serve", "--database", conninfo, "--set", "gateway.listen=127.0.0.1:\(port)", "--set", "log.level=debug"]
                + settings.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] })
    }

    func waitUntilHealthy() async throws {
        let url = try #require(URL(string: baseURL.replacing("/v1", with: "/healthz")))
        let isHealthy = try await eventually { (try? await URLSession.shared.data(from: url)) != nil }
        #expect(isHealthy, "\(gateway.logText)")
    }

    /// A port that nobody uses at this moment.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard bound else { throw TestFailure("no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Runs a script of `Tests/Clients` and reads what it prints.
    func client(
        _ script: String, _ arguments: [String] = [], python: URL? = Self.python
    ) async throws -> JSONValue {
        let python = try #require(python)
        let path = Fixtures.packageRoot.appending(path: "Tests/Clients/\(script)").path
        let result = try await Command.run(
            python, [path, baseURL] + arguments, environment: ["OPENAI_API_KEY": key])
        try #require(result.status == 0, "\(result.output)\n\(gateway.logText)")
        // Libraries may print hints before the result.
        let last = result.output.split(separator: "\n").last { $0.hasPrefix("{") }
        return try JSONValue(parsing: String(try #require(last)))
    }

    /// The form of an upload, and its header.
    static func form(_ text: String) -> (body: String, headers: [String: String]) {
        let body = [
            "--x", "Content-Disposition: form-data; name=\"file\"; filename=\"../../a\"", "", text,
            "--x", "Content-Disposition: form-data; name=\"purpose\"", "", "batch", "--x--", "",
        ].joined(separator: "\r\n")
        return (body, ["Content-Type": "multipart/form-data; boundary=x"])
    }

    /// The status and the body of a request with the key.
    func request(
        _ method: String, _ path: String, body: String? = nil, headers: [String: String] = [:]
    ) async throws -> (status: Int, body: String) {
        try await caller.request(method, path, body: body, headers: headers)
    }

    var caller: GatewayCaller { GatewayCaller(baseURL: baseURL, key: key) }

    func close() async throws {
        gateway.signal(SIGTERM)
        #expect(try await gateway.exitCode() == 0, "\(gateway.logText)")
        let role = "\(scene.database.name)_gate"
        try await scene.database.run(
            script: """
                DROP OWNED BY \(role); DROP ROLE \(role);
                DROP ROLE IF EXISTS \(scene.database.name)_page
                """)
    }
}

/// Requests with a key.
struct GatewayCaller: Sendable {
    let baseURL: String
    let key: String

    /// The status and the body of a request.
    func request(
        _ method: String, _ path: String, body: String? = nil, headers: [String: String] = [:]
    ) async throws -> (status: Int, body: String) {
        var request = URLRequest(url: try #require(URL(string: baseURL + path)))
        request.httpMethod = method
        request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        request.httpBody = body.map { Data($0.utf8) }
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
    }
}
