/// A firmware of our own that needs nothing but processor and memory: it enters 64-bit mode, counts there, and leaves
/// QEMU through its debug exit device. A machine that runs it runs guest code.
///
/// The instructions are those of the AMD64 Architecture Programmer's Manual, volume 3; the way into long mode is that
/// of volume 2, section 14.6. `https://www.qemu.org/docs/master/` does not list the device; its source is
/// `hw/misc/debugexit.c`: a write of `n` ends QEMU with exit code `n << 1 | 1`.
enum AcceleratorFirmware {
    /// The port of the debug exit device.
    static let exitPort: UInt8 = 0xf4
    /// QEMU's exit code when the firmware ran to its end.
    static let exitCode = 0x2a << 1 | 1
    /// The size of the firmware's file. QEMU takes multiples of 64 KiB, which end at the top of the first 4 GiB and
    /// are seen a second time below 1 MiB.
    static let size = 0x10000

    /// The last bytes of the file, which start at offset 0xff00; what comes before is never run.
    static let tail: [UInt8] = {
        var bytes = code + [UInt8](repeating: 0xf4, count: 0x100 - code.count)
        bytes.replaceSubrange(0xf0..<0xf3, with: resetVector)
        return bytes
    }()

    /// At 0xfff0, where the processor starts: a jump to 0xff00.
    private static let resetVector: [UInt8] = [0xe9, 0x0d, 0xff]  // jmp 0xff00

    /// At 0xff00. Addresses below 0x100000 are the copy below 1 MiB, in segment 0xf000.
    private static let code: [UInt8] =
        [
            0xfa,  // ff00 cli
            0xfc,  // ff01 cld
            0xea, 0x07, 0xff, 0x00, 0xf0,  // ff02 jmp 0xf000:0xff07, out of the copy below 4 GiB
            // Page tables in memory that was cleared: the first 2 MiB mapped to themselves.
            0x31, 0xc0,  // ff07 xor ax, ax
            0x8e, 0xd8,  // ff09 mov ds, ax
            0x8e, 0xc0,  // ff0b mov es, ax
            0xbf, 0x00, 0x10,  // ff0d mov di, 0x1000
            0xb9, 0x00, 0x18,  // ff10 mov cx, 0x1800
            0xf3, 0xab,  // ff13 rep stosw
            0xc7, 0x06, 0x00, 0x10, 0x03, 0x20,  // ff15 mov word [0x1000], 0x2003: level 4, present and writable
            0xc7, 0x06, 0x00, 0x20, 0x03, 0x30,  // ff1b mov word [0x2000], 0x3003: level 3
            0xc7, 0x06, 0x00, 0x30, 0x83, 0x00,  // ff21 mov word [0x3000], 0x0083: level 2, a page of 2 MiB
            // Long mode: CR4.PAE, CR3, EFER.LME, then paging and protection at once.
            0x66, 0xb8, 0x20, 0x00, 0x00, 0x00,  // ff27 mov eax, 0x20
            0x0f, 0x22, 0xe0,  // ff2d mov cr4, eax
            0x66, 0xb8, 0x00, 0x10, 0x00, 0x00,  // ff30 mov eax, 0x1000
            0x0f, 0x22, 0xd8,  // ff36 mov cr3, eax
            0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0,  // ff39 mov ecx, 0xc0000080
            0x0f, 0x32,  // ff3f rdmsr
            0x80, 0xcc, 0x01,  // ff41 or ah, 1
            0x0f, 0x30,  // ff44 wrmsr
            0x2e, 0x66, 0x0f, 0x01, 0x16, 0x88, 0xff,  // ff46 lgdt cs:[0xff88]
            0x0f, 0x20, 0xc0,  // ff4d mov eax, cr0
            0x66, 0x0d, 0x01, 0x00, 0x00, 0x80,  // ff50 or eax, 0x80000001
            0x0f, 0x22, 0xc0,  // ff56 mov cr0, eax
            0x66, 0xea, 0x61, 0xff, 0x0f, 0x00, 0x08, 0x00,  // ff59 jmp 0x08:0x000fff61
            // 64 bits wide: only there does this leave 0x2a in al.
            0x48, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2a, 0x00, 0x00,  // ff61 mov rax, 0x2a << 40
            0x48, 0xc1, 0xe8, 0x28,  // ff6b shr rax, 40
            0x66, 0xba, exitPort, 0x00,  // ff6f mov dx, 0xf4
            0xee,  // ff73 out dx, al
            0xf4,  // ff74 hlt
            0xeb, 0xfd,  // ff75 jmp 0xff74
            0xf4,  // ff77 padding
        ]
        // ff78: the descriptor table, an empty entry and a 64-bit code segment
        + [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]
        + [0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00]
        // ff88: its limit and its address
        + [0x0f, 0x00, 0x78, 0xff, 0x0f, 0x00]
}
