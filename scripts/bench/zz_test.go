package main
import ("testing";"io";"fmt";"path/filepath")
func TestZZ(t *testing.T){
 b,err:=open(t.Context(),effort(false),io.Discard); if err!=nil{t.Fatal(err)}; defer b.close()
 ours,leave,_:=b.newcomer(); defer leave()
 bare:=command{path:filepath.Join(b.folder,"bare")}
 local:=command{path:ours.path,variables:map[string]string{"SOTER_VERIFIER":"local","AUTHKEYS_FILE":"/tmp/none.json"}}
 bad:=command{path:ours.path,variables:map[string]string{"SOTER_VERIFIER":"nonsense"}}
 nogo:=command{path:filepath.Join("/tmp/prof","verify-noprep"),variables:ours.variables}
 _=nogo
 f:=func(c command)func()(float64,error){return func()(float64,error){return c.toNext(t.Context())}}
 s,err:=inTurns(t.Context(),200,f(bare),f(ours),f(local),f(bad)); if err!=nil{t.Fatal(err)}
 for i,n:=range []string{"bare","ours","local","unconfigured"}{sp:=spreadOf(s[i]);fmt.Printf("%s %.2f (%.2f-%.2f)\n",n,sp.Median,sp.Min,sp.Max)}
}
