import Glibc
import Logging
import MoedSystemd
import Testing

struct LogHandlerTests {
    /// Text that the handler writes to its descriptor during `body`.
    private func written(
        marksPriority: Bool = false, level: Logger.Level = .info, _ body: (inout Logger) -> Void
    ) throws -> String {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        let output = ends[1]
        var logger = Logger(label: "moed.test") { label in
            StderrLogHandler(
                label: label, level: level, descriptor: output, marksPriority: marksPriority,
                now: { LogTimestamp(milliseconds: 1_770_091_506_789) })
        }
        body(&logger)
        close(output)
        defer { close(ends[0]) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe read(ends[0], &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    @Test func aLineHasTimeLevelMessageAndMetadata() throws {
        let text = try written {
            $0.info("job finished", metadata: ["job_id": "17", "reason": "end of text"])
        }
        #expect(
            text == "2026-02-03T04:05:06.789Z info moed.test: job finished job_id=17 reason=\"end of text\"\n"
        )
    }

    @Test func theJournalGetsPrioritiesInsteadOfTimes() throws {
        #expect(try written(marksPriority: true) { $0.warning("w") } == "<4>warning moed.test: w\n")
        #expect(try written(marksPriority: true) { $0.critical("c") } == "<2>critical moed.test: c\n")
    }

    /// All loggers follow the threshold while they are in use, unless one has a level of its own.
    @Test func theThresholdIsShared() {
        let threshold = LogThreshold(.info)
        let log = Logger(label: "t") {
            LogDestination.stderr(marksPriority: false).handler(label: $0, threshold: threshold)
        }
        var quiet = log
        quiet.logLevel = .error
        #expect(log.logLevel == .info)
        threshold.level = .debug
        #expect(log.logLevel == .debug && quiet.logLevel == .error)
    }

    @Test func belowTheLevelNothingIsWritten() throws {
        #expect(try written(level: .notice) { $0.info("hidden") } == "")
    }

    @Test func valuesCannotForgeLinesOrPairs() throws {
        let text = try written {
            $0.info(
                "a\n2026 error moed: forged\u{1b}[2J",
                metadata: ["model": "x\nlevel=error", "quote": "a\"b", "rtl": "\u{202e}gnp", "ke y": ""])
        }
        #expect(text.filter(\.isNewline).count == 1)
        #expect(text.contains(#"moed.test: a\n2026 error moed: forged\u{1b}[2J "#))
        #expect(text.contains(#" model="x\nlevel=error""#))
        #expect(text.contains(#" quote="a\"b""#))
        #expect(text.contains(#" rtl="\u{202e}gnp""#))
        #expect(text.contains(#" "ke y"="""#))
    }

    @Test func metadataOfLoggerCallAndErrorAreMerged() throws {
        struct Failure: Error, CustomStringConvertible { var description: String { "disk gone" } }
        let text = try written {
            $0[metadataKey: "worker"] = "w1"
            $0[metadataKey: "job_id"] = "1"
            $0.error("failed", error: Failure(), metadata: ["job_id": "2"])
        }
        #expect(text.hasSuffix("failed error=\"disk gone\" job_id=2 worker=w1\n"))
    }

    @Test func journalFieldsCarryMetadataUnderTheProjectsPrefix() {
        let entry = JournalEntry(
            level: .error, message: "job failed", identifier: "moed", label: "moed.queue",
            metadata: ["job_id": "17", "lease-token": "5", "_PID": "1", "": "nobody"])
        #expect(
            entry.fields == [
                "MESSAGE=job failed", "PRIORITY=3", "SYSLOG_IDENTIFIER=moed", "MOED_LOGGER=moed.queue",
                "MOED__PID=1", "MOED_JOB_ID=17", "MOED_LEASE_TOKEN=5",
            ])
    }

    @Test func journalFieldsCannotBeForged() {
        let entry = JournalEntry(
            level: .info, message: "a\nPRIORITY=0", identifier: "moed", label: "moed",
            metadata: ["model\nMESSAGE=x": "b\nMESSAGE=forged", "ümlaut": "\u{0}"])
        #expect(entry.fields.allSatisfy { !$0.contains("\n") })
        #expect(entry.fields.contains(#"MOED_MODEL_MESSAGE_X=b\nMESSAGE=forged"#))
        #expect(entry.fields.contains(#"MOED___MLAUT=\u{0}"#))
        #expect(entry.fields.filter { $0.hasPrefix("MESSAGE=") } == [#"MESSAGE=a\nPRIORITY=0"#])
    }

    @Test func namesAndValuesAreLimited() throws {
        let name = try #require(JournalEntry.fieldName(String(repeating: "k", count: 500)))
        #expect(name.utf8.count == 64)
        let many = Dictionary(
            uniqueKeysWithValues: (0..<5000).map { ("k\($0)", Logger.MetadataValue.string("v")) })
        let entry = JournalEntry(
            level: .info, message: String(repeating: "é", count: 1 << 20), identifier: "moed", label: "l",
            metadata: many)
        #expect(entry.fields.count == 4 + 64)
        #expect(entry.fields[0] == "MESSAGE=" + String(repeating: "é", count: 2048) + "…")
    }

    @Test func theDestinationFollowsStderr() {
        var status = stat()
        guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return }
        let journal = SupervisionEnvironment(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"])
        #expect(LogDestination(journal, journalIsAvailable: true) == .journal)
        #expect(LogDestination(journal, journalIsAvailable: false) == .stderr(marksPriority: true))
        let other = SupervisionEnvironment(["JOURNAL_STREAM": "0:0"])
        #expect(LogDestination(other, journalIsAvailable: true) == .stderr(marksPriority: false))
    }

    @Test func timestampsAgreeWithTheCLibrary() {
        // Every 17 days and some from 1900 to 2400: all leap-year rules, both sides of 1970.
        for day in stride(from: -25_567, to: 157_054, by: 17) {
            let seconds = day * 86_400 + (day &* 7919) % 43_200
            var time = time_t(seconds)
            var parts = unsafe tm()
            unsafe gmtime_r(&time, &parts)
            var expected = [CChar](repeating: 0, count: 40)
            unsafe strftime(&expected, expected.count, "%Y-%m-%dT%H:%M:%S.007Z", &parts)
            let stamp = LogTimestamp(milliseconds: Int64(seconds) * 1000 + 7).description
            #expect(
                stamp
                    == String(
                        decoding: expected.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }
}
