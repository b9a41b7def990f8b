; RT <- (RA) + (RB) with the carries out of bits 0 and 32.
; run gpr[4]=1 gpr[5]=2 -> gpr[3]=3 ca=0 ca32=0 next
; run gpr[4]=-1 gpr[5]=1 -> gpr[3]=0 ca=1 ca32=1
; run gpr[4]=0xffffffff gpr[5]=1 -> gpr[3]=0x100000000 ca=0 ca32=1
  %0:i64 = get[gpr] 4
  %1:i64 = get[gpr] 5
  %2:i64 = add %0, %1
  %3:i1 = ult %2, %0
  %4:i64 = xor %0, %1
  %5:i64 = xor %4, %2
  %6:i64 = lshr %5, 32
  %7:i1 = trunc[1] %6
  %8:i8 = zext[8] %3
  set[ca] %8
  %9:i8 = zext[8] %7
  set[ca32] %9
  set[gpr] 3, %2
