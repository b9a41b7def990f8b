; A trap leaves before anything is written; a jump goes where LR says.
; run gpr[3]=0 lr=0x2000 -> interrupt=PROGRAM_TRAP gpr[4]=0
; run gpr[3]=1 lr=0x2000 -> jump=0x2000 gpr[4]=0x10008
+0:
  %0:i64 = get[gpr] 3
  %1:i1 = eq %0, 0
  interrupt_if[PROGRAM_TRAP] %1, 0
+8:
  %2:i64 = cia
  set[gpr] 4, %2
  %3:i64 = get[lr]
  jump %3
