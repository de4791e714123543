import MoedSystemd
import Testing

@Suite struct UnitCopyTests {
    private static let unit = """
        # /lib/systemd/system/moed.service
        [Unit]
        Description=moed
        StartLimitIntervalSec=0

        [Service]
        Type=notify
        ExecStart=/usr/bin/moed run --config /etc/moed/moed.yaml --no-progress
        User=moed
        ProtectHome=yes
        LoadCredential=pgpass:/etc/moed/credentials/pgpass
        SystemCallFilter=@system-service
        SystemCallFilter=~@privileged
        Restart=on-failure
        WatchdogSec=60

        [Install]
        WantedBy=multi-user.target

        # /etc/systemd/system/moed.service.d/override.conf
        [Service]
        EnvironmentFile=-/etc/default/moed
        ExecStart=
        ExecStart=/opt/moed run \\
          --config /etc/other.yaml --drain --trace-routing /tmp/x
        """

    @Test func theViewStaysAndTheLifeGoes() throws {
        let copy = try #require(
            UnitCopy(of: Self.unit, output: "/run/out", options: ["--set", "queue.lease=5s"]))
        let lines = copy.text.split(separator: "\n").map(String.init)
        for line in [
            "User=moed", "ProtectHome=yes", "LoadCredential=pgpass:/etc/moed/credentials/pgpass",
            "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged",
            "EnvironmentFile=-/etc/default/moed",
            "Type=oneshot", "StandardOutput=append:/run/out",
            "ExecStart=/opt/moed check --config /etc/other.yaml \"--set\" \"queue.lease=5s\"",
        ] {
            #expect(lines.count { $0 == line } == 1, "\(line): \(copy.text)")
        }
        for key in ["Restart", "WatchdogSec", "WantedBy", "Type=notify", "StartLimit"] {
            #expect(!copy.text.contains(key), "\(key)")
        }
    }

    @Test func aUnitOfAnotherProgramIsNone() {
        #expect(UnitCopy(of: "[Service]\nExecStart=/bin/true\n", output: "/o", options: []) == nil)
        #expect(UnitCopy(of: "", output: "/o", options: []) == nil)
        #expect(
            UnitCopy(of: "[Service]\nExecStart=/usr/bin/moed migrate\n", output: "/o", options: []) == nil)
    }
}
