import Glibc
import MoedSystemd
import Testing

struct ServiceNotifierTests {
    @Test(
        arguments: [
            (.ready, "READY=1"),
            (.stopping, "STOPPING=1"),
            (.reloading(monotonicMicroseconds: 12), "RELOADING=1\nMONOTONIC_USEC=12"),
            (.status("Running 24 (thinking, ≤2048)"), "STATUS=Running 24 (thinking, ≤2048)"),
            (.extendTimeout(.seconds(30)), "EXTEND_TIMEOUT_USEC=30000000"),
            (.extendTimeout(.milliseconds(1)), "EXTEND_TIMEOUT_USEC=1000"),
            (.watchdog, "WATCHDOG=1"),
            (.watchdogTrigger, "WATCHDOG=trigger"),
            (.errno(12), "ERRNO=12"),
        ] as [(ServiceMessage, String)])
    func messagesArriveAsSystemdSpellsThem(message: ServiceMessage, text: String) throws {
        let manager = try NotifySocket(NotifySocket.path())
        let notifier = try ServiceNotifier(socket: manager.name)
        #expect(notifier.send(message) == .sent)
        #expect(manager.receive() == text)
        #expect(manager.receive() == nil)
    }

    @Test func severalMessagesAreOneDatagram() throws {
        let manager = try NotifySocket("@moed-test-\(getpid())-\(UInt32.random(in: 0...(.max)))")
        let notifier = try ServiceNotifier(socket: manager.name)
        #expect(notifier.send(.ready, .status("Idle")) == .sent)
        #expect(manager.receive() == "READY=1\nSTATUS=Idle")
    }

    @Test func aStatusCannotSmuggleAnAssignment() throws {
        let manager = try NotifySocket(NotifySocket.path())
        let notifier = try ServiceNotifier(socket: manager.name)
        notifier.send(.status("model\nREADY=1\r\u{0}\u{2028}x"))
        #expect(manager.receive() == "STATUS=model\\nREADY=1\\r\\u{0}\\u{2028}x")
    }

    @Test func aLongStatusIsCutAtACharacter() throws {
        let manager = try NotifySocket(NotifySocket.path())
        let notifier = try ServiceNotifier(socket: manager.name)
        notifier.send(.status(String(repeating: "ü", count: 100_000)))
        #expect(manager.receive() == "STATUS=" + String(repeating: "ü", count: 256) + "…")
    }

    @Test func withoutASupervisorNothingIsSent() throws {
        #expect(try ServiceNotifier(socket: nil).send(.ready) == .notSupervised)
    }

    @Test func aMissingManagerIsReported() throws {
        #expect(try ServiceNotifier(socket: NotifySocket.path()).send(.ready) == .failed(errno: ENOENT))
    }

    @Test func aManagerThatDoesNotReadCannotBlockTheDaemon() throws {
        let manager = try NotifySocket(NotifySocket.path())
        let notifier = try ServiceNotifier(socket: manager.name)
        var outcome = ServiceNotifier.Outcome.sent
        for _ in 0..<10_000 where outcome == .sent { outcome = notifier.send(.watchdog) }
        #expect(outcome == .failed(errno: EAGAIN))
    }

    @Test(arguments: [
        "relative", "/", "@", "vsock:2:1", "/" + String(repeating: "x", count: 107), "/a\u{0}b",
    ])
    func unusableAddressesAreRefused(address: String) {
        #expect(throws: NotifierError(socket: address)) { try ServiceNotifier(socket: address) }
    }
}

struct SupervisionEnvironmentTests {
    @Test func outsideOfSystemdAllIsNil() {
        #expect(SupervisionEnvironment([:]) == SupervisionEnvironment(["NOTIFY_SOCKET": ""]))
        #expect(SupervisionEnvironment([:]).notifySocket == nil)
        #expect(SupervisionEnvironment([:]).watchdogInterval == nil)
    }

    @Test(
        arguments: [
            ("60000000", "7", .seconds(60)), ("60000000", nil, .seconds(60)), ("60000000", "8", nil),
            ("0", "7", nil), ("-5", "7", nil), ("x", "7", nil), ("99999999999999999999", "7", nil),
        ] as [(String, String?, Duration?)])
    func theWatchdogIsOursOnlyWhenItNamesUs(interval: String, process: String?, expected: Duration?) {
        var environment = ["WATCHDOG_USEC": interval]
        environment["WATCHDOG_PID"] = process
        #expect(SupervisionEnvironment(environment, processID: 7).watchdogInterval == expected)
    }

    @Test func theJournalIsRecognisedByItsStream() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var status = stat()
        try #require(unsafe fstat(ends[1], &status) == 0)
        let ours = SupervisionEnvironment(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"])
        #expect(ours.isJournal(ends[1]))
        #expect(!SupervisionEnvironment(["JOURNAL_STREAM": "1:2"]).isJournal(ends[1]))
        #expect(!SupervisionEnvironment([:]).isJournal(ends[1]))
        #expect(!ours.isJournal(-1))
    }
}
