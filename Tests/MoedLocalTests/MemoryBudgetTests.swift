import MoedHost
import MoedLocal
import Testing

@Suite struct MemoryBudgetTests {
    @Test(
        arguments: [
            ("20GiB", .bytes(20 << 30)), ("500MB", .bytes(500_000_000)), ("1.5 GB", .bytes(1_500_000_000)),
            ("4096", .bytes(4096)), ("2G", .bytes(2 << 30)), ("80%", .percent(80)), ("100 %", .percent(100)),
            ("20gib", .bytes(20 << 30)), ("20GiB ", .bytes(20 << 30)), (" 500mb\t", .bytes(500_000_000)),
            ("80 % ", .percent(80)), ("0%", nil), ("101%", nil), ("7.5%", nil), ("", nil), ("-1", nil),
            ("5 apples", nil), ("0", nil),
            ("1e3", nil), ("nan", nil),
        ] as [(String, MemoryBudget?)])
    func texts(_ text: String, _ expected: MemoryBudget?) {
        #expect(MemoryBudget(text) == expected)
    }

    @Test func partsOfWhatThereIs() {
        #expect(MemoryBudget.percent(50).byteCount(of: 1000) == 500)
        #expect(MemoryBudget.bytes(7).byteCount(of: 1000) == 7)
    }

    @Test func limitsOfControlGroups() {
        let files = [
            "/sys/fs/cgroup/system.slice/moed.service/memory.max": "max\n",
            "/sys/fs/cgroup/system.slice/memory.max": "8000000\n",
            "/sys/fs/cgroup/memory.max": "9000000\n",
            "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "7000000\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        ]
        func limit(_ text: String) -> Int? { ControlGroups(text).memoryLimit { files[$0] } }
        #expect(limit("0::/system.slice/moed.service\n") == 8_000_000)
        #expect(limit("4:memory:/jobs\n1:cpu:/\n0::/\n") == 7_000_000)
        #expect(limit("4:cpu,memory:/\n") == nil)
        #expect(limit("4:memory:/elsewhere/on/the/host\n") == nil)
        #expect(limit("") == nil)
    }

    @Test func bytesOfCode() {
        let maps = """
            55d000000000-55d000400000 r--p 00000000 fe:00 12   /usr/bin/moed
            55d000400000-55d000a00000 r-xp 00400000 fe:00 12   /usr/bin/moed
            7f1c80000000-7f1c80021000 rw-p 00000000 00:00 0
            7f1c80100000-7f1c80180000 r-xp 00001000 fe:00 14   /usr/lib/libpq.so.5
            """
        #expect(HostMemory.codeBytes(maps) == 0x600000 + 0x80000)
        #expect(HostMemory.codeBytes("") == 0)
    }
}
