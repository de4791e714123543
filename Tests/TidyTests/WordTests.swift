import Testing

/// Words that do not occur in the sources, or only where they were thought about.
struct WordTests {
    /// Files in which pointers may be used. Add a file with its reason, and keep the list short: everywhere else
    /// memory is safe by construction.
    private static let unsafeFiles: [String: String] = [
        "Sources/MoedTools/Filters/LineReader.swift": "poll(2) and read(2)",
        "Sources/MoedTools/Filters/LineWriter.swift": "write(2)",
        "Sources/MoedHost/HostThread.swift": "pthread_create",
        "Sources/MoedHost/Monitor.swift": "pthread mutex and conditions",
        "Sources/MoedHost/Host.swift": "environ, gethostname, write(2)",
        "Sources/MoedLocal/Running/SweepThread.swift": "its executor, unowned by contract",
        "Sources/MoedPreparation/PreparationThread.swift": "its executor, unowned by contract",
        "Sources/MoedLocal/Model/PackCache.swift": "mkdir",
        "Sources/MoedLocal/Running/RoutingRecorder.swift": "open(2) and write(2)",
        "Sources/MoedHost/FileChunks.swift": "open(2) and read(2)",
        "Sources/MoedHost/WholeFile.swift": "open(2), read(2) and write(2)",
        "Sources/MoedEngine/Compute/ActivationRows.swift": "calls of the C kernels",
        "Sources/MoedHost/AlignedMemory.swift": "owner of anonymous mappings",
        "Sources/MoedEngine/Compute/Compute+Attention.swift": "calls of the C kernels",
        "Sources/MoedEngine/Compute/Compute+FeedForward.swift": "calls of the C kernels",
        "Sources/MoedEngine/Compute/Compute+LowRank.swift": "calls of the C kernels",
        "Sources/MoedEngine/LoadedAdapters.swift": "calls of the C packers",
        "Sources/MoedEngine/Compute/Compute.swift": "calls of the C kernels",
        "Sources/MoedEngine/Memory/KVCache.swift": "blocks handed to the C kernels",
        "Sources/MoedEngine/Compute/KernelSet.swift": "table of C functions",
        "Sources/MoedEngine/Compute/MachineProbe.swift": "memory to read, calls of the C probes",
        "Sources/MoedEngine/Compute/PackedMatrix.swift": "weights handed to the C kernels",
        "Sources/MoedEngine/Compute/RowBuffer.swift": "rows handed to the C kernels",
        "Sources/MoedEngine/Compute/WorkerPool.swift": "pthread_create",
        "Sources/MoedEngine/Loading/CheckpointWeights.swift": "packs weights in place",
        "Sources/MoedEngine/Loading/PackVerification.swift": "reads into a buffer",
        "Sources/MoedEngine/Loading/PackWeights.swift": "reads weights in place",
        "Sources/MoedEngine/Loading/Packer.swift": "packs into a buffer",
        "Sources/MoedEngine/Loading/PanelMaker.swift": "calls of the C packers",
        "Sources/MoedEngine/Loading/SyntheticWeights.swift": "fills weights in place",
        "Sources/MoedSampling/LogitScan.swift": "calls of the C scans",
        "Sources/MoedEngine/Streaming/ArrivingExperts.swift": "owner of what is read",
        "Sources/MoedReading/DiskProbe.swift": "reads into expert places",
        "Sources/MoedEngine/Streaming/ExpertCache.swift": "owner of the expert places",
        "Sources/MoedFront/Status/ClientConnection.swift": "recv(2) and send(2)",
        "Sources/MoedFront/Status/ConnectionList.swift": "poll(2)",
        "Sources/MoedFront/Status/ListeningSocket.swift": "calls of the socket API",
        "Sources/MoedFront/Status/SocketFile.swift": "calls of the socket API",
        "Sources/MoedPostgres/CStringArray.swift": "char ** of libpq",
        "Sources/MoedPostgres/Connection.swift": "its executor, unowned by contract",
        "Sources/MoedPostgres/ConnectionHandle.swift": "owner of PGconn",
        "Sources/MoedHost/EventSignal.swift": "eventfd",
        "Sources/MoedQueue/Migration.swift": "texts of CMoedSQL",
        "Sources/MoedPostgres/ResultHandle.swift": "owner of PGresult",
        "Sources/MoedHost/ThreadExecutor.swift": "its executor, unowned by contract",
        "Sources/MoedSystemd/JournalLogHandler.swift": "iovec of sd_journal_sendv",
        "Sources/MoedSystemd/LogTimestamp.swift": "clock_gettime",
        "Sources/MoedSystemd/ServiceNotifier.swift": "socket address",
        "Sources/MoedSystemd/StderrLogHandler.swift": "write(2)",
        "Sources/MoedSystemd/SupervisionEnvironment.swift": "fstat",
        "Sources/MoedReading/ExpertReadPool.swift": "memory handed to its reads",
        "Sources/MoedReading/ExpertReader.swift": "open, fstat and pread",
        "Sources/MoedReading/PlacedReads.swift": "reads into expert places",
        "Sources/MoedReading/ReadRing.swift": "calls of CReadRing",
        "Sources/MoedText/Jinja/ThreadTime.swift": "clock_gettime",
        "Sources/MoedWeights/Files/Digest.swift": "unaligned loads of words",
        "Sources/MoedWeights/Files/DirectoryContents.swift": "stat and readdir",
        "Sources/MoedPacks/Pack.swift": "reads weights in place",
        "Sources/MoedPacks/PackDestination.swift": "statvfs, open, pwrite, rename",
        "Sources/MoedPacks/PartialPack.swift": "mkdirat, openat, unlinkat",
        "Sources/MoedTools/ChildProcess.swift": "posix_spawn",
        "Sources/MoedFront/Status/SocketClient.swift": "calls of the socket API",
        "Sources/MoedFront/Status/SocketName.swift": "addresses of the socket API",
        "Sources/MoedSystemd/PasswordCredential.swift": "open, read and memfd_create",
        "Sources/MoedSystemd/UnitView.swift": "realpath and stat",
        "Sources/MoedWeights/Files/WeightFile.swift": "open, fstat and pread",
        "Sources/MoedWeights/Files/KnownDigests.swift": "open, write, rename",
        "Sources/MoedHost/UnixTime.swift": "clock_gettime",
    ]

    private static let uncheckedSendableMax = 3

    @Test(arguments: SourceTree.swiftSources)
    func nothingTrapsOnInput(file: SourceFile) {
        for (index, line) in file.code.enumerated() {
            for pattern in [
                #/\bfatalError\b/#, #/\btry!/#, #/\bas!/#, #/\bpublic\b/#, #/\bnonisolated\(unsafe\)/#,
            ] {
                #expect(!line.contains(pattern), "\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test(arguments: SourceTree.swiftSources)
    func pointersStayInTheirFiles(file: SourceFile) {
        guard Self.unsafeFiles[file.path] == nil else { return }
        let line = file.code.firstIndex {
            $0.contains(#/\bunsafe\b|@unsafe\b|Unsafe(Mutable)?(Raw)?(Buffer)?Pointer/#)
        }
        #expect(line == nil, "\(file.path):\((line ?? 0) + 1) uses pointers and is not in unsafeFiles")
    }

    @Test func theListOfUnsafeFilesIsTrue() {
        for path in Self.unsafeFiles.keys.sorted() {
            let file = SourceTree.swiftSources.first { $0.path == path }
            #expect(
                file?.code.contains { $0.contains(#/\bunsafe\b|@unsafe\b/#) } == true,
                "\(path) has nothing unsafe")
        }
    }

    @Test func uncheckedSendableIsRareAndProved() {
        var count = 0
        for file in SourceTree.swiftSources {
            for (index, line) in file.code.enumerated() where line.contains("@unchecked Sendable") {
                count += 1
                let above = index > 0 ? file.lines[index - 1].drop { $0 == " " } : ""
                #expect(above.hasPrefix("//"), "\(file.path):\(index + 1) has no proof above it")
            }
        }
        #expect(count <= Self.uncheckedSendableMax)
    }

    /// Settings are read once, by the daemon, and passed down.
    @Test(arguments: SourceTree.swiftSources)
    func onlyTheDaemonReadsTheEnvironment(file: SourceFile) {
        guard !["MoedDaemon", "MoedRehearsal", "MoedTools", "moed"].contains(file.target),
            file.path != "Sources/MoedHost/Host.swift"
        else { return }
        for (index, line) in file.code.enumerated() {
            #expect(
                !line.contains(#/\b(getenv|secure_getenv|ProcessInfo|environ|Host\.environment)\b/#),
                "\(file.path):\(index + 1)")
        }
    }

    @Test(arguments: SourceTree.everything)
    func nothingIsLeftForLater(file: SourceFile) {
        // Put together here, so that this file does not find itself.
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        for (index, line) in file.lines.enumerated() {
            #expect(!words.contains(where: line.contains), "\(file.path):\(index + 1): \(line)")
        }
    }

    @Test(arguments: SourceTree.sqlNames)
    func sqlFilesAreMigrationsRolesOrExamples(name: String) {
        let names = #/m[0-9]{4}_[a-z0-9_]+\.sql|roles\.sql|example_[a-z0-9_]+\.sql|schema/#
        #expect(name.wholeMatch(of: names) != nil)
    }

    /// A comment is a sentence or a noun phrase, understood without the one above it.
    @Test(arguments: SourceTree.swiftSources)
    func commentsBeginWithTheirSubject(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            #expect(
                !line.contains(#/^\s*\/\/\/? (What|Whether|Of|Who|Whom|Whose|Which|How)\b/#),
                "\(file.path):\(index + 1) begins with a relative clause: \(line)")
        }
    }

    /// Words that had several meanings, and the words that took their place; files where the old one is the field's.
    private static var replacedWords: [(word: Regex<Substring>, instead: String, except: [String])] {
        [
            (#/\bJobGroup\b|\bGroupPolicy\b|\bGroupBacklog\b/#, "JobClass", []),
            (#/\bslots?\b|[a-z]Slots?\b/#, "sequences or expert places", ["Sources/MoedText/Tokenizer/"]),
            (#/\b[mM]emoryLedger\b/#, "memory plan", []),
        ]
    }

    @Test(arguments: SourceTree.swiftSources)
    func eachWordHasOneMeaning(file: SourceFile) {
        for (word, instead, except) in Self.replacedWords where !except.contains(where: file.path.hasPrefix) {
            // The configuration key keeps its name, and so does the option of `moed plan`.
            let isKey =
                ["Sources/MoedSettings/", "Sources/MoedDaemon/Settings.swift", "Sources/moed/"]
                .contains(where: file.path.hasPrefix)
            guard !isKey else { continue }
            for (index, line) in file.code.enumerated() {
                #expect(!line.contains(word), "\(file.path):\(index + 1): \(instead) is the word")
            }
        }
    }

    @Test func commentsAndStringsAreNotTakenForCode() {
        let text = [
            "let a = \"try! \\\" // as!\" // fatalError", "/* as!", "try! */ b()", "\"\"\"", "unsafe",
            "\"\"\"", "c()",
        ]
        let file = SourceFile(path: "Sources/X/Y.swift", lines: text.map { Substring($0) })
        #expect(file.code == ["let a =  ", "", " b()", "", "", "", "c()"])
    }
}
