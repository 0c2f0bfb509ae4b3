# The boot sector of the test guest's disk: loads a Linux kernel by its 16-bit boot protocol and starts it. BIOS, no file system.
# guest-image has laid out the disk and filled in the kernel's header (command line, where the initrd is), and gives
#   real_at, real_sectors      the kernel's real-mode part with the command line behind it, to 0x90000
#   kernel_at, kernel_chunks   the kernel, to 0x100000
#   initrd_at, initrd_chunks   the initrd, to initrd_to
# as symbols: positions in sectors, chunks of 64 sectors. It took GRUB two seconds of a TCG guest's start to do the same.

        .code16
        .globl  _start
_start: ljmp    $0, $1f
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        movb    %dl, drive              # where we come from

        call    read                    # the packet as it stands: the real-mode part
        movw    $64, count
        movw    $0x1000, segment        # from now on by way of 0x10000

        movl    $kernel_at, sector
        movl    $0x100000, %edi
        movw    $kernel_chunks, %bp
        call    load
        movl    $initrd_at, sector
        movl    $initrd_to, %edi
        movw    $initrd_chunks, %bp
        call    load

        cli
        movw    $0x9000, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movw    $0xe000, %sp
        ljmp    $0x9020, $0

# %bp chunks from `sector` on to the physical address %edi.
load:   call    read
        cli                             # data segments of 4 GiB, by a moment in protected mode
        lgdt    table
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $8, %bx
        movw    %bx, %ds
        movw    %bx, %es
        andb    $0xfe, %al
        movl    %eax, %cr0
        xorw    %bx, %bx
        movw    %bx, %ds
        movw    %bx, %es
        sti
        movl    $0x10000, %esi
        movl    $(64 * 512 / 4), %ecx
        addr32 rep movsl                # leaves %edi behind the chunk
        addl    $64, sector
        decw    %bp
        jnz     load
        ret

# What the packet says, by the BIOS (which may change any register but those of the caller's frame).
read:   pushal
        movb    $0x42, %ah
        movb    drive, %dl
        movw    $packet, %si
        int     $0x13
        jc      failed
        popal
        ret

failed: movw    $0x0e00 + 'E', %ax      # an E on the screen
        int     $0x10
2:      hlt
        jmp     2b

        .balign 4
packet: .byte   16, 0
count:  .word   real_sectors
        .word   0
segment: .word  0x9000
sector: .quad   real_at

        .balign 8
flat:   .quad   0, 0x00cf92000000ffff
table:  .word   15
        .long   flat
drive:  .byte   0

        .org    510
        .word   0xaa55
